//! The part of Meilisearch's filter syntax that is used here: comparisons, `IN`, `AND`, `OR`, `NOT`
//! and parentheses.

use serde_json::{Map, Value};

#[derive(Debug)]
pub(super) enum Filter {
    Compare(String, Operator, String),
    In(String, Vec<String>),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

const SIGNS: [&str; 11] = [">=", "<=", "!=", "=", ">", "<", "(", ")", "[", "]", ","];

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Filter, String> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        let filter = parser.or()?;
        match parser.peek() {
            None => Ok(filter),
            Some(token) => Err(format!("found unexpected {token:?} at the end of the filter")),
        }
    }

    /// The attributes it names, each with whether it is compared by order.
    pub(super) fn attributes(&self) -> Vec<(&str, bool)> {
        match self {
            Filter::Compare(name, operator, _) => {
                vec![(name, !matches!(operator, Operator::Equal | Operator::NotEqual))]
            }
            Filter::In(name, _) => vec![(name, false)],
            Filter::And(a, b) | Filter::Or(a, b) => [a.attributes(), b.attributes()].concat(),
            Filter::Not(inner) => inner.attributes(),
        }
    }

    pub(super) fn accepts(&self, document: &Map<String, Value>) -> bool {
        match self {
            Filter::Compare(name, Operator::NotEqual, value) => {
                !values(document, name).any(|v| text(v).eq_ignore_ascii_case(value))
            }
            Filter::Compare(name, Operator::Equal, value) => {
                values(document, name).any(|v| text(v).eq_ignore_ascii_case(value))
            }
            Filter::Compare(name, operator, value) => {
                let Ok(limit) = value.parse::<f64>() else { return false };
                values(document, name).filter_map(Value::as_f64).any(|v| match operator {
                    Operator::Less => v < limit,
                    Operator::LessOrEqual => v <= limit,
                    Operator::More => v > limit,
                    _ => v >= limit,
                })
            }
            Filter::In(name, wanted) => {
                values(document, name).any(|v| wanted.iter().any(|w| text(v).eq_ignore_ascii_case(w)))
            }
            Filter::And(a, b) => a.accepts(document) && b.accepts(document),
            Filter::Or(a, b) => a.accepts(document) || b.accepts(document),
            Filter::Not(inner) => !inner.accepts(document),
        }
    }
}

/// The attribute's value, or each of them when it is a list.
pub(super) fn values<'a>(document: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    let value = document.get(name);
    let one = value.filter(|v| !v.is_array() && !v.is_null());
    one.into_iter().chain(value.and_then(Value::as_array).into_iter().flatten())
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let (mut tokens, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.into_iter().find(|s| rest.starts_with(s)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if matches!(first, '"' | '\'') {
            let (quoted, after) = unquote(&rest[1..], first)?;
            tokens.push(Token::Quoted(quoted));
            rest = after;
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || "=<>!()[],\"'".contains(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("unexpected {first:?}"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

fn unquote(rest: &str, quote: char) -> Result<(String, &str), String> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => return Ok((value, &rest[at + 1..])),
            c => value.push(c),
        }
    }
    Err("a quote is not closed".to_owned())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("the filter ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn word(&mut self, word: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        self.at += usize::from(there);
        there
    }

    fn sign(&mut self, sign: &'static str) -> bool {
        let there = self.peek() == Some(&Token::Sign(sign));
        self.at += usize::from(there);
        there
    }

    fn or(&mut self) -> Result<Filter, String> {
        let mut left = self.and()?;
        while self.word("OR") {
            left = Filter::Or(left.into(), self.and()?.into());
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, String> {
        let mut left = self.condition()?;
        while self.word("AND") {
            left = Filter::And(left.into(), self.condition()?.into());
        }
        Ok(left)
    }

    fn condition(&mut self) -> Result<Filter, String> {
        if self.word("NOT") {
            return Ok(Filter::Not(self.condition()?.into()));
        }
        if self.sign("(") {
            let inner = self.or()?;
            return if self.sign(")") { Ok(inner) } else { Err("a parenthesis is not closed".to_owned()) };
        }
        let name = self.value()?;
        if self.word("NOT") {
            return if self.word("IN") {
                Ok(Filter::Not(self.list(name)?.into()))
            } else {
                Err("IN expected".to_owned())
            };
        }
        if self.word("IN") {
            return self.list(name);
        }
        let operator = match self.next()? {
            Token::Sign("=") => Operator::Equal,
            Token::Sign("!=") => Operator::NotEqual,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::LessOrEqual,
            Token::Sign(">") => Operator::More,
            Token::Sign(">=") => Operator::MoreOrEqual,
            other => return Err(format!("an operator was expected, not {other:?}")),
        };
        Ok(Filter::Compare(name, operator, self.value()?))
    }

    fn value(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Word(text) | Token::Quoted(text) => Ok(text),
            other => Err(format!("a value was expected, not {other:?}")),
        }
    }

    fn list(&mut self, name: String) -> Result<Filter, String> {
        if !self.sign("[") {
            return Err("[ expected".to_owned());
        }
        let mut wanted = Vec::new();
        while !self.sign("]") {
            wanted.push(self.value()?);
            if !self.sign(",") && self.peek() != Some(&Token::Sign("]")) {
                return Err(", or ] expected".to_owned());
            }
        }
        Ok(Filter::In(name, wanted))
    }
}
