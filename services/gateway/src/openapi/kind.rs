//! What texts must look like, as schemas: for fields that the services, not the gateway, check.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// No control characters (C0, DEL, C1), and something besides white space.
pub(crate) const LINE: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
const LINE_OR_NOTHING: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// The same, with line ends and tabs.
const TEXT: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";
const PRINTED: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
const TEXT_OR_NOTHING: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";

macro_rules! kind {
    ($(#[$doc:meta])* $name:ident $(<$(const $parameter:ident: usize),+>)?, $schema:expr) => {
        $(#[$doc])*
        pub(crate) struct $name$(<$(const $parameter: usize),+>)?;

        impl$(<$(const $parameter: usize),+>)? JsonSchema for $name$(<$($parameter),+>)? {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

kind!(
    /// One line.
    Line<const MIN: usize, const MAX: usize>,
    match MIN {
        0 => json_schema!({"type": "string", "maxLength": MAX, "pattern": LINE_OR_NOTHING}),
        _ => json_schema!({"type": "string", "minLength": MIN, "maxLength": MAX, "pattern": LINE}),
    }
);
kind!(
    /// Several lines.
    Text<const MIN: usize, const MAX: usize>,
    match MIN {
        0 => json_schema!({"type": "string", "maxLength": MAX, "pattern": TEXT_OR_NOTHING}),
        _ => json_schema!({"type": "string", "minLength": MIN, "maxLength": MAX, "pattern": TEXT}),
    }
);
kind!(
    /// An id.
    Id,
    json_schema!({"type": "string", "format": "uuid"})
);
kind!(
    /// A moment.
    Moment,
    json_schema!({"type": "string", "format": "date-time", "examples": ["2026-03-01T09:30:00.000000Z"]})
);
kind!(
    /// A day.
    Day,
    json_schema!({"type": "string", "format": "date"})
);
kind!(
    /// An e-mail address that a person has: no quoted local part, no address literal.
    Email,
    json_schema!({
        "type": "string",
        "maxLength": 254,
        "pattern": r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,32}(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,15}){0,2}@([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\.){1,3}[A-Za-z]{2,20}$",
        "examples": ["ann@example.org"],
    })
);
kind!(
    /// A password: none of those that are tried first, and not made of the name or the address.
    Password,
    json_schema!({
        "type": "string",
        "minLength": crate::password::SHORTEST,
        "maxLength": crate::password::LONGEST,
        "description": "Long enough, none that is tried first, not made of the name or the address",
    })
);
kind!(
    /// A phone number as people write them.
    Phone,
    json_schema!({"type": "string", "maxLength": 40, "pattern": r"^([0-9+()/. -]*[0-9][0-9+()/. -]*)?$", "examples": ["+49 30 1234567"]})
);
kind!(
    /// Words.
    Tags,
    json_schema!({"type": "array", "maxItems": 50, "items": {"type": "string", "minLength": 1, "maxLength": 50, "pattern": LINE}})
);
/// Any object of at most 16 KiB, without control characters other than tabs and line ends.
pub(crate) struct Metadata;

impl JsonSchema for Metadata {
    fn schema_name() -> Cow<'static, str> {
        "Metadata".into()
    }

    fn json_schema(schemas: &mut SchemaGenerator) -> Schema {
        let value = schemas.subschema_for::<MetadataValue>();
        json_schema!({
            "type": "object",
            "description": "Any object of at most 16 KiB",
            "propertyNames": {"pattern": PRINTED},
            "additionalProperties": value,
            "examples": [{"source": "fair"}],
        })
    }
}

struct MetadataValue;

impl JsonSchema for MetadataValue {
    fn schema_name() -> Cow<'static, str> {
        "MetadataValue".into()
    }

    fn json_schema(schemas: &mut SchemaGenerator) -> Schema {
        let (object, value) = (schemas.subschema_for::<Metadata>(), schemas.subschema_for::<Self>());
        json_schema!({
            "anyOf": [
                {"type": ["null", "boolean", "number"]},
                {"type": "string", "pattern": PRINTED},
                {"type": "array", "items": value},
                object,
            ],
        })
    }
}

kind!(
    /// 64 hexadecimal digits.
    Sha256,
    json_schema!({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"})
);
kind!(
    /// A cursor of the list before.
    Cursor,
    json_schema!({"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_-]+$"})
);
kind!(
    /// Words to search for.
    Words,
    json_schema!({"type": "string", "maxLength": 500, "pattern": "^[^\\u0000]*$"})
);
kind!(
    /// Whatever a form says.
    Anything,
    json_schema!({"type": "string", "pattern": "^[^\\u0000]*$"})
);
kind!(
    /// What is looked for as it is.
    Exact,
    json_schema!({"type": "string", "maxLength": 200, "pattern": "^[^\\u0000]*$"})
);
kind!(
    /// One word.
    Word,
    json_schema!({"type": "string", "minLength": 1, "maxLength": 40, "pattern": r"^[\p{L}\p{N}]+$"})
);
kind!(
    /// Words that are found as well.
    OtherWords,
    json_schema!({"type": "array", "maxItems": 20, "items": {"type": "string", "minLength": 1, "maxLength": 40, "pattern": r"^[\p{L}\p{N}]+$"}})
);
kind!(
    /// Who may see a collection.
    Visibility,
    json_schema!({"type": "string", "enum": ["public", "internal", "restricted"]})
);
kind!(
    /// A language of the pages.
    Language,
    json_schema!({"type": "string", "enum": crate::domain::LANGUAGES})
);
kind!(
    /// An order of search results.
    SearchOrder,
    json_schema!({"type": "string", "enum": crate::domain::SEARCH_ORDERS})
);
kind!(
    /// A time zone by its name in the IANA database.
    TimeZone,
    json_schema!({
        "type": "string",
        "maxLength": 60,
        "pattern": r"^([A-Za-z]+(/[A-Za-z0-9_+-]+){0,2})?$",
        "examples": ["Europe/Berlin"],
    })
);
kind!(
    /// What somebody may do.
    Role,
    json_schema!({"type": "string", "enum": ["viewer", "editor", "owner"]})
);
kind!(
    /// Where another system is told.
    HookUrl,
    json_schema!({
        "type": "string",
        "maxLength": 2000,
        "pattern": r"^https://([a-z]([a-z0-9]{0,30}[a-z0-9])?\.){1,3}[a-z]{2,20}(/[A-Za-z0-9_~.!$&'()*+,;=:@-]{0,40}){0,4}$",
        "description": "`https://`, a public host, and mostly a path; a port and a query may be there. Never an address of a private network",
        "examples": ["https://example.org/hooks/dossier"],
    })
);
kind!(
    /// What another system is told of.
    HookEvents,
    json_schema!({"type": "array", "minItems": 1, "items": {"type": "string", "enum": crate::webhooks::EVENTS}})
);
kind!(
    /// What a token may be used for.
    Scopes,
    json_schema!({"type": "array", "minItems": 1, "items": {"type": "string", "enum": crate::domain::Scopes::list()}})
);
