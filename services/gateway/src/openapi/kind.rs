//! What texts must look like, as schemas: for fields that the services, not the gateway, check.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// No control characters (C0, DEL, C1), and something besides white space.
const LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
const LINE_OR_NOTHING: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
const TEXT: &str = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$";

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
    Text<const MAX: usize>,
    json_schema!({"type": "string", "maxLength": MAX, "pattern": TEXT})
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
    /// A phone number as people write them.
    Phone,
    json_schema!({"type": "string", "maxLength": 40, "pattern": r"^([0-9+()/. -]*[0-9][0-9+()/. -]*)?$", "examples": ["+49 30 1234567"]})
);
kind!(
    /// Words.
    Tags,
    json_schema!({"type": "array", "maxItems": 50, "items": {"type": "string", "minLength": 1, "maxLength": 50, "pattern": LINE}})
);
kind!(
    /// Any object of at most 16 KiB.
    Metadata,
    json_schema!({"type": "object", "examples": [{"source": "fair"}]})
);
kind!(
    /// 64 hexadecimal digits.
    Sha256,
    json_schema!({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"})
);
kind!(
    /// A cursor of the list before.
    Cursor,
    json_schema!({"type": "string"})
);
kind!(
    /// Words to search for.
    Words,
    json_schema!({"type": "string", "maxLength": 500})
);
kind!(
    /// Who may see a collection.
    Visibility,
    json_schema!({"type": "string", "enum": ["public", "internal", "restricted"]})
);
kind!(
    /// What somebody may do.
    Role,
    json_schema!({"type": "string", "enum": ["viewer", "editor", "owner"]})
);
kind!(
    /// What a token may be used for.
    Scopes,
    json_schema!({"type": "array", "minItems": 1, "items": {"type": "string", "enum": crate::domain::Scopes::list()}})
);
