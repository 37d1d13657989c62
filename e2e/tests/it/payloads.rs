//! Text that would be a script, were it ever taken for markup: put into every field that takes text, and
//! then every page that shows it is opened in a real browser (R16).

use std::{sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use e2e::{
    client::{Client, Upload},
    words,
};
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::{
    browser::Browser,
    harness::tests,
    raw,
    system::{READY, System},
};

tests!(Inside:
    no_text_is_ever_taken_for_a_script,
    no_name_breaks_out_of_a_header_a_path_or_a_table,
    a_file_is_never_shown_as_what_it_says_it_is,
);

/// What stands around the text where somebody forgot to escape it, and so what has to be closed first.
const CONTEXTS: [&str; 14] = [
    "",
    "\">",
    "'>",
    "</title>",
    "</textarea>",
    "</script>",
    "</style>",
    "-->",
    "</noscript>",
    "</pre>",
    "]]>",
    "\u{feff}<!--><",
    "</a></p></li></main>",
    "&quot;>",
];

/// What would then run; each calls `hit`.
const VECTORS: [&str; 24] = [
    "<script>hit(1)</script>",
    "<ScRiPt>hit(1)</sCrIpT>",
    "<img src=x onerror=hit(1)>",
    "<img/src=x/onerror=hit(1)//",
    "<svg onload=hit(1)>",
    "<svg><script>hit(1)</script></svg>",
    "<svg><animate onbegin=hit(1) attributeName=x dur=1s>",
    "<math><mi xlink:href=\"javascript:hit(1)\">x</mi></math>",
    "<details open ontoggle=hit(1)>",
    "<input autofocus onfocus=hit(1)>",
    "<video><source onerror=hit(1)>",
    "<audio src=x onerror=hit(1)>",
    "<iframe srcdoc=\"<script>parent.hit(1)</script>\">",
    "<iframe src=javascript:parent.hit(1)>",
    "<object data=javascript:hit(1)>",
    "<embed src=javascript:hit(1)>",
    "<meta http-equiv=refresh content=\"0;url=javascript:hit(1)\">",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<form action=javascript:hit(1)><button>",
    "<a href=javascript:hit(1)>x</a>",
    "<style>@import '//evil.example/x.css'</style>",
    "<marquee onstart=hit(1)>",
    "<body onpageshow=hit(1)>",
];

/// Without any `<`: out of an attribute, into an address, a template or a script.
const OTHERS: [&str; 16] = [
    "\" onmouseover=hit(1) autofocus onfocus=hit(1) x=\"",
    "' onfocus='hit(1)' autofocus='",
    "` onfocus=hit(1) autofocus `",
    "javascript:hit(1)",
    "JaVaScRiPt:hit(1)",
    "java\u{200b}script:hit(1)",
    "data:text/html,<script>hit(1)</script>",
    "vbscript:hit(1)",
    "{{constructor.constructor('hit(1)')()}}",
    "${hit(1)}",
    "';hit(1);//",
    "\";hit(1);//",
    "\\\";hit(1);//",
    "+ADw-script+AD4-hit(1)+ADw-/script+AD4-",
    "%3Cscript%3Ehit(1)%3C/script%3E",
    "&lt;script&gt;hit(1)&lt;/script&gt;",
];

fn payloads() -> Vec<String> {
    let combined = CONTEXTS.iter().flat_map(|context| VECTORS.iter().map(move |vector| format!("{context}{vector}")));
    combined.chain(OTHERS.iter().map(|other| (*other).to_owned())).collect()
}

/// Before any script of the page: whatever runs, asks or is refused is noted.
const WATCH: &str = "
    window.__seen = [];
    window.hit = what => window.__seen.push('executed: ' + what);
    for (const ask of ['alert', 'confirm', 'prompt', 'print']) window[ask] = () => { window.__seen.push(ask); };
    addEventListener('securitypolicyviolation', e => window.__seen.push(`refused: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
";

/// What was noted, and what stands in the page that none of ours has.
const LOOK: &str = "
    const seen = [...window.__seen];
    for (const element of document.querySelectorAll('*')) {
        for (const { name, value } of element.attributes) {
            if (/^on/i.test(name)) seen.push(`attribute: ${element.tagName} ${name}`);
            if (['href', 'src', 'action', 'data', 'srcdoc'].includes(name) && /^\\s*(javascript|data:text|vbscript)/i.test(value))
                seen.push(`address: ${element.tagName} ${value}`);
        }
        if (['IFRAME', 'OBJECT', 'EMBED', 'BASE', 'MARQUEE', 'VIDEO', 'AUDIO', 'MATH'].includes(element.tagName)) seen.push(element.tagName);
        if (element.tagName === 'SCRIPT' && !element.src.startsWith(location.origin + '/')) seen.push('a script inline');
    }
    return [document.body.innerText.length, seen];
";

/// Requests at the same time.
const AT_ONCE: usize = 8;

async fn no_text_is_ever_taken_for_a_script(_: Arc<System>) -> anyhow::Result<()> {
    // It opens hundreds of pages.
    if std::env::var_os("PAYLOADS").is_none() {
        println!("NOT TESTED that no text is taken for a script, page by page: PAYLOADS=some or PAYLOADS=all does it");
        return Ok(());
    }
    // Lists of one's own, in which nothing else stands.
    let system = System::start("payloads").await?;
    let outcome = put_everywhere_and_look(&system).await;
    system.finish(outcome.is_err()).await;
    outcome
}

async fn put_everywhere_and_look(system: &System) -> anyhow::Result<()> {
    let (payloads, began) = (payloads(), Instant::now());
    ensure!(payloads.len() >= 300, "only {} payloads", payloads.len());
    let ids: Vec<anyhow::Result<[String; 2]>> = stream::iter(payloads.clone().into_iter().enumerate())
        .map(|(n, payload)| async move { put(system, n, &payload).await })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let ids = ids.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    for (_, payload) in payloads.iter().enumerate().filter(|(n, _)| n % 8 == 0) {
        let collection = json!({"name": payload, "visibility": "internal", "description": payload});
        system.owner.post("/api/v1/collections", &collection).await?.expect(201)?;
        system.owner.post("/api/v1/tokens", &json!({"name": payload, "scopes": ["*"]})).await?.expect(201)?;
    }
    println!("{} payloads were put into every field after {:.0?}", payloads.len(), began.elapsed());
    let Some(browser) = Browser::start().await? else {
        eprintln!("NOTE: chromium and chromedriver are not here: NO PAYLOAD WAS SHOWN IN A BROWSER");
        return Ok(());
    };
    browser.visit(async |browser| look_everywhere(browser, system, &payloads, &ids).await).await
}

/// One payload into each field; the ids of its contact and its document.
async fn put(system: &System, n: usize, payload: &str) -> anyhow::Result<[String; 2]> {
    let contact = json!({
        "name": payload, "email": format!("payload-{n}@example.org"), "company": payload, "tags": [payload.chars().take(50).collect::<String>()],
        "metadata": {"note": payload, payload.chars().take(40).collect::<String>(): "key"},
    });
    let contact = accepted(&system.editor, "/api/v1/contacts", contact).await?;
    let form = json!({
        "name": payload, "email": format!("payload-{n}@example.org"), "subject": payload, "message": payload, "metadata": {"note": payload},
    });
    system.nobody.post("/api/v1/submissions", &form).await?.expect(201)?;
    let name = format!("{}.txt", payload.replace(['/', '\\', '\0'], "_"));
    let upload = Upload::new(&name, format!("payload {n} says {payload} and {}", words::unique()))
        .field("title", payload)
        .field("metadata", json!({"note": payload}).to_string());
    let reply = system.editor.upload(&upload).await?;
    let document = reply.expect(201)?.text_of("id")?;
    Ok([contact, document])
}

/// Makes it; where a field does not take such text at all, without that field.
async fn accepted(client: &Client, path: &str, mut body: serde_json::Value) -> anyhow::Result<String> {
    loop {
        let reply = client.post(path, &body).await?;
        if reply.status == 201 {
            return reply.text_of("id");
        }
        let problem = reply.any_problem(reply.status.as_u16()).context("refused without a reason")?;
        let field = problem["errors"][0]["field"]
            .as_str()
            .unwrap_or_default()
            .split(['.', '['])
            .next()
            .unwrap_or_default()
            .to_owned();
        let removed = body.as_object_mut().and_then(|fields| fields.remove(&field));
        ensure!(removed.is_some() && !["name", "email"].contains(&&*field), "{reply}");
    }
}

async fn look_everywhere(
    browser: &Browser,
    system: &System,
    payloads: &[String],
    ids: &[[String; 2]],
) -> anyhow::Result<()> {
    let base = system.base();
    browser.before_every_page(WATCH).await?;
    browser.open(base).await?;
    browser.type_into("input[name=email]", &system.owner_email).await?;
    browser.type_into("input[name=password]", &system.owner_password).await?;
    browser.click("form[action='/sign-in'] button").await?;
    browser.sees("header", &system.owner_email).await?;
    for [_, document] in ids.iter().step_by(20) {
        system.editor.wait_settled(document, READY * 8).await?;
    }
    let mut paths: Vec<String> = ["/", "/overview", "/settings"].map(str::to_owned).into();
    // All of each list, page by page, which shows every payload; and for every fourth one of the pages that show
    // it alone.
    for list in ["contacts", "submissions", "documents"] {
        let page = if list == "submissions" { "inbox" } else { list };
        let mut cursor = String::new();
        loop {
            paths.push(if cursor.is_empty() { format!("/{page}") } else { format!("/{page}?cursor={cursor}") });
            let found = system
                .viewer
                .query(&format!("/api/v1/{list}"), &[("cursor", cursor.as_str())][..usize::from(!cursor.is_empty())])
                .await?;
            match found.expect(200)?.json()?["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
    }
    let whole = std::env::var_os("PAYLOADS").is_some_and(|wanted| wanted == "all");
    for (n, (payload, [contact, document])) in payloads.iter().zip(ids).enumerate() {
        let escaped: String = payload.bytes().map(|b| format!("%{b:02X}")).collect();
        let pages = [
            format!("/contacts/{contact}"),
            format!("/documents/{document}"),
            format!("/?q={escaped}"),
            format!("/contacts?q={escaped}"),
        ];
        // Each in another surrounding.
        let chosen = (n + n / VECTORS.len()).is_multiple_of(4).then_some(n / 4 % 4);
        let shown = pages.into_iter().enumerate().filter(|(place, _)| whole || Some(*place) == chosen);
        paths.extend(shown.map(|(_, path)| path));
    }
    let (mut shown, began) = (0, Instant::now());
    for path in &paths {
        browser.open(&format!("{base}{path}")).await?;
        let (text, seen): (usize, Vec<String>) = serde_json::from_value(browser.run(LOOK).await?)?;
        ensure!(seen.is_empty(), "{path} let a payload do something: {seen:?}");
        ensure!(text > 20, "{path} shows nothing");
        shown += 1;
    }
    println!("{} payloads on {shown} pages in {:.0?}: 0 were executed", payloads.len(), began.elapsed());
    browser.complaints()
}

async fn no_name_breaks_out_of_a_header_a_path_or_a_table(system: Arc<System>) -> anyhow::Result<()> {
    let names = [
        "a\r\nX-Injected: yes.txt",
        "a\nSet-Cookie: stolen=1.txt",
        "a\"; filename=\"b.html",
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "/etc/passwd",
        "a\u{2028}b.txt",
        "a\u{202e}txt.exe",
        "%0d%0aX-Injected: yes",
        "CON",
        ".",
        "..",
        "a;b=c.txt",
    ];
    let mut downloads = 0;
    for name in names {
        let upload = Upload::new(name, format!("{} {name}", words::unique())).field("title", name);
        let reply = system.editor.upload(&upload).await?;
        ensure!([201, 400, 422].contains(&reply.status.as_u16()), "{name:?}: {reply}");
        if reply.status != 201 {
            continue;
        }
        downloads += 1;
        let id = reply.text_of("id")?;
        ensure!(uuid::Uuid::try_parse(&id).is_ok(), "{reply}");
        let content = system.viewer.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
        ensure!(
            content.header("x-injected").is_empty() && content.header("set-cookie").is_empty(),
            "{name:?}: {:?}",
            content.headers
        );
        let disposition = content.header("content-disposition");
        ensure!(
            disposition.starts_with("attachment; filename=\"") && disposition.matches('"').count() == 2,
            "{name:?}: {disposition}"
        );
        let named = disposition.split('"').nth(1).unwrap_or_default();
        ensure!(!named.contains(['/', '\\', '\r', '\n']), "{name:?}: {disposition}");
    }
    ensure!(downloads > 5, "only {downloads} of these names were taken");
    for path in [
        "/api/v1/documents/../users",
        "/api/v1/documents/..%2fusers",
        "/api/v1/documents/%2e%2e/users",
        "/assets/../api/v1/users",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/api/docs/../../etc/passwd",
        "/api/docs/..%2f..%2f..%2fetc%2fpasswd",
        "/problems/..%2f..%2fetc%2fpasswd",
        "/documents/..%2f..%2fetc%2fpasswd",
        "/assets/%00",
    ] {
        let answer = raw::get(system.base(), path).await.with_context(|| path.to_owned())?;
        ensure!((300..500).contains(&answer.status) && !answer.text.contains("root:"), "{path}: {}", answer.text);
    }
    // Formulas in what a spreadsheet opens.
    for (n, formula) in
        ["=HYPERLINK(\"http://evil.example\")", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "=cmd|'/c calc'!A0"]
            .into_iter()
            .enumerate()
    {
        let contact =
            json!({"name": formula, "email": format!("{}-{n}@example.org", words::unique()), "company": formula});
        accepted(&system.editor, "/api/v1/contacts", contact).await.or_else(|error| {
            match formula.starts_with('\t') {
                true => Ok(String::new()),
                false => Err(error),
            }
        })?;
    }
    let table = system.viewer.get("/api/v1/contacts/export?format=csv").await?.expect(200)?;
    let table = String::from_utf8_lossy(&table.body).into_owned();
    ensure!(table.contains("HYPERLINK"), "the formulas are not in the table");
    for line in table.lines() {
        let cells = line.split(',').map(|cell| cell.trim_start_matches('"'));
        let formula =
            cells.filter(|cell| !cell.is_empty()).find(|cell| cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
        ensure!(formula.is_none(), "{formula:?} is a formula: {line}");
    }
    Ok(())
}

async fn a_file_is_never_shown_as_what_it_says_it_is(system: Arc<System>) -> anyhow::Result<()> {
    let html = |word: &str| format!("<!doctype html><html><body><script>alert(1)</script><p>{word}</p></body></html>");
    let svg = |word: &str| {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script><text>{word}</text></svg>")
    };
    let mut taken = 0;
    for (name, media_type, bytes) in [
        ("a.png", "image/png", html(&words::unique())),
        ("a.html", "text/html", html(&words::unique())),
        ("a.txt", "text/plain", html(&words::unique())),
        ("a.pdf", "application/pdf", html(&words::unique())),
        ("a.svg", "image/svg+xml", svg(&words::unique())),
        ("a.jpg", "image/jpeg", svg(&words::unique())),
        ("a.html.txt", "text/html; charset=utf-7", html(&words::unique())),
    ] {
        let upload = Upload { media_type, ..Upload::new(name, bytes) };
        let reply = system.editor.upload(&upload).await?;
        ensure!([201, 415].contains(&reply.status.as_u16()), "{name}: {reply}");
        if reply.status != 201 {
            continue;
        }
        taken += 1;
        let id = reply.text_of("id")?;
        let content = system.viewer.get(&format!("/api/v1/documents/{id}/content")).await?.expect(200)?;
        ensure!(content.header("x-content-type-options") == "nosniff", "{name}: {:?}", content.headers);
        ensure!(content.header("content-disposition").starts_with("attachment"), "{name}: {:?}", content.headers);
        let policy = content.header("content-security-policy");
        ensure!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{name}: {policy}");
        ensure!(!policy.contains("allow-scripts"), "{name}: {policy}");
    }
    ensure!(taken >= 3, "only {taken} were taken");
    Ok(())
}
