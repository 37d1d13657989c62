use reqwest::{Method, StatusCode};

use crate::client::{header, problem, start};

#[tokio::test]
async fn guessing_the_password_of_a_link_is_slowed_down_whether_there_is_one_or_not() {
    let gateway = start().await;
    let guess = async |link: &str| {
        let request = gateway.request(Method::POST, link).form(&[("password", "a guess of mine")]);
        request.send().await.unwrap()
    };
    for _ in 0..10 {
        assert_eq!(guess("/s/one").await.status(), StatusCode::NOT_FOUND);
    }
    let refused = guess("/s/one").await;
    assert_eq!(header(&refused, "ratelimit-limit"), "10");
    problem(refused, 429, "rate-limited").await;
    assert_eq!(guess("/s/another").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_a_page_that_nobody_keeps_or_finds() {
    let gateway = start().await;
    for path in ["/s/nothing", "/s/nothing/content", "/u/nothing"] {
        // What mail programs and sites add to an address does no harm.
        let page = gateway.get(&format!("{path}?utm_source=mail")).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{path}");
        for (name, value) in
            [("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("x-robots-tag", "noindex, nofollow")]
        {
            assert_eq!(header(&page, name), value, "{path}");
        }
        assert!(page.text().await.unwrap().contains("This link leads nowhere"), "{path}");
    }
}
