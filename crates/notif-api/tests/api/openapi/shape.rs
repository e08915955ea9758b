//! Compares a value with a schema: as much of JSON Schema as the document uses. A keyword that is not
//! known here fails the test, so that none is quietly passed over.

use serde_json::Value;

/// What says nothing about the shape.
const TOLD: [&str; 6] = [
    "description",
    "example",
    "examples",
    "default",
    "title",
    "format",
];

/// The schemas of a document.
pub(super) struct Schemas<'a>(&'a Value);

impl<'a> Schemas<'a> {
    pub(super) fn of(document: &'a Value) -> Self {
        Self(document)
    }

    /// The example of a schema.
    pub(super) fn example(&self, schema: &Value) -> Value {
        let there = self.resolved(schema)["example"].clone();
        assert!(!there.is_null(), "{schema} has no example");
        there
    }

    fn resolved<'s>(&self, schema: &'s Value) -> &'s Value
    where
        'a: 's,
    {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let there = self.0.pointer(reference.strip_prefix('#').unwrap());
                self.resolved(there.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => schema,
        }
    }

    /// Fails where `value`, which is at `place`, does not fit.
    pub(super) fn check(&self, value: &Value, schema: &Value, place: &str) {
        if let Err(why) = self.fits(value, schema) {
            panic!("{place}: {why}");
        }
    }

    fn fits(&self, value: &Value, schema: &Value) -> Result<(), String> {
        let schema = self.resolved(schema);
        let Some(keywords) = schema.as_object() else {
            return Ok(());
        };
        for (keyword, says) in keywords {
            let fits = match keyword.as_str() {
                "type" => is_of_type(value, says),
                "enum" => says.as_array().unwrap().contains(value),
                "oneOf" | "anyOf" => {
                    let mut any = says.as_array().unwrap().iter();
                    any.any(|one| self.fits(value, one).is_ok())
                }
                "properties" => self.members_fit(value, says)?,
                "required" => {
                    let mut names = says.as_array().unwrap().iter();
                    value.is_null() || names.all(|name| value.get(name.as_str().unwrap()).is_some())
                }
                "additionalProperties" => {
                    let known = &keywords["properties"];
                    let members = value.as_object();
                    *says != false
                        || members
                            .is_none_or(|all| all.keys().all(|name| known.get(name).is_some()))
                }
                "items" => self.items_fit(value, says)?,
                "minimum" => value.as_i64().is_none_or(|it| it >= says.as_i64().unwrap()),
                "maximum" => value.as_i64().is_none_or(|it| it <= says.as_i64().unwrap()),
                "minLength" => length(value).is_none_or(|it| it >= says.as_u64().unwrap()),
                "maxLength" => length(value).is_none_or(|it| it <= says.as_u64().unwrap()),
                "pattern" | "propertyNames" => true,
                "minItems" => items(value).is_none_or(|it| it >= says.as_u64().unwrap()),
                "maxItems" => items(value).is_none_or(|it| it <= says.as_u64().unwrap()),
                told if TOLD.contains(&told) => true,
                other => panic!("{other} is not known here"),
            };
            if !fits {
                return Err(format!("{value} is not as {keyword} {says} has it"));
            }
        }
        Ok(())
    }

    fn members_fit(&self, value: &Value, properties: &Value) -> Result<bool, String> {
        for (name, schema) in properties.as_object().unwrap() {
            if let Some(member) = value.get(name) {
                self.fits(member, schema)
                    .map_err(|why| format!("{name}: {why}"))?;
            }
        }
        Ok(true)
    }

    fn items_fit(&self, value: &Value, schema: &Value) -> Result<bool, String> {
        for item in value.as_array().into_iter().flatten() {
            self.fits(item, schema)?;
        }
        Ok(true)
    }
}

fn length(value: &Value) -> Option<u64> {
    Some(u64::try_from(value.as_str()?.chars().count()).unwrap())
}

fn items(value: &Value) -> Option<u64> {
    Some(u64::try_from(value.as_array()?.len()).unwrap())
}

/// `says` is a type or several.
fn is_of_type(value: &Value, says: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    };
    match says.as_array() {
        Some(several) => several.iter().any(is),
        None => is(says),
    }
}
