use whatlang::Lang;

/// Fewer letters than this say nothing about a language.
const LEAST_LETTERS: usize = 20;

/// The language a text is written in.
#[derive(Clone, Debug, PartialEq)]
pub struct Language {
    /// ISO 639-1 where there is one, else ISO 639-3; "und" when it is not known.
    pub code: String,
    /// 0 to 1.
    pub confidence: f64,
}

pub(crate) fn detect(text: &str) -> Language {
    let unknown = Language { code: "und".to_owned(), confidence: 0.0 };
    if text.chars().filter(|c| c.is_alphabetic()).take(LEAST_LETTERS).count() < LEAST_LETTERS {
        return unknown;
    }
    // A few thousand characters decide; more only takes longer.
    let end = text.char_indices().nth(6000).map_or(text.len(), |(at, _)| at);
    match whatlang::detect(&text[..end]) {
        Some(found) => Language {
            code: two_letters(found.lang()).unwrap_or(found.lang().code()).to_owned(),
            confidence: found.confidence().clamp(0.0, 1.0),
        },
        None => unknown,
    }
}

/// ISO 639-1 of what can be detected.
fn two_letters(language: Lang) -> Option<&'static str> {
    Some(match language.code() {
        "afr" => "af",
        "aka" => "ak",
        "amh" => "am",
        "ara" => "ar",
        "aze" => "az",
        "bel" => "be",
        "ben" => "bn",
        "bul" => "bg",
        "cat" => "ca",
        "ces" => "cs",
        "cmn" => "zh",
        "cym" => "cy",
        "dan" => "da",
        "deu" => "de",
        "ell" => "el",
        "eng" => "en",
        "epo" => "eo",
        "est" => "et",
        "fin" => "fi",
        "fra" => "fr",
        "guj" => "gu",
        "heb" => "he",
        "hin" => "hi",
        "hrv" => "hr",
        "hun" => "hu",
        "hye" => "hy",
        "ind" => "id",
        "ita" => "it",
        "jav" => "jv",
        "jpn" => "ja",
        "kan" => "kn",
        "kat" => "ka",
        "khm" => "km",
        "kor" => "ko",
        "lat" => "la",
        "lav" => "lv",
        "lit" => "lt",
        "mal" => "ml",
        "mar" => "mr",
        "mkd" => "mk",
        "mya" => "my",
        "nep" => "ne",
        "nld" => "nl",
        "nob" => "nb",
        "ori" => "or",
        "pan" => "pa",
        "pes" => "fa",
        "pol" => "pl",
        "por" => "pt",
        "ron" => "ro",
        "rus" => "ru",
        "sin" => "si",
        "slk" => "sk",
        "slv" => "sl",
        "sna" => "sn",
        "spa" => "es",
        "srp" => "sr",
        "swe" => "sv",
        "tam" => "ta",
        "tel" => "te",
        "tgl" => "tl",
        "tha" => "th",
        "tuk" => "tk",
        "tur" => "tr",
        "ukr" => "uk",
        "urd" => "ur",
        "uzb" => "uz",
        "vie" => "vi",
        "yid" => "yi",
        "zul" => "zu",
        _ => return None,
    })
}
