//! A location as somebody types it: a path as in a rule, a field as a denial names it, or a JSON
//! pointer.

use crate::analysis::paths::meets;
use crate::engine::{KeySelector, KeyValue, Path, PathError, Rule, Step};

/// Steps, some of which may be read in two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AskedLocation(Vec<LocationStep>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum LocationStep {
    Step(Step),
    /// `[0]`, `/0` or `/-`: an element by position, or the key `0` or `-` of a map.
    Number(String),
}

impl AskedLocation {
    pub(crate) fn parse(text: &str) -> Result<Self, PathError> {
        if let Some(tokens) = text.strip_prefix('/') {
            return Ok(Self(tokens.split('/').map(token).collect()));
        }
        let text = text.strip_prefix('.').unwrap_or(text);
        let of_rule = Path::parse(text);
        let field = || field(text).filter(|spots| !spots.is_empty());
        match of_rule {
            Ok(path) => Ok(Self(path.steps().iter().cloned().map(LocationStep::Step).collect())),
            Err(error) => field().map(Self).ok_or(error),
        }
    }

    /// The steps as a rule reads them: a number is an element unless the rule has only members
    /// there.
    pub(crate) fn steps(&self, rule: &Rule) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for spot in &self.0 {
            let step = match spot {
                LocationStep::Step(step) => step.clone(),
                LocationStep::Number(number) => number_in(rule, &steps, number),
            };
            steps.push(step);
        }
        steps
    }
}

/// A token of a JSON pointer (RFC 6901); `-` is the element after the last.
fn token(text: &str) -> LocationStep {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number || text == "-" {
        return LocationStep::Number(text.to_owned());
    }
    LocationStep::Step(Step::Name(text.replace("~1", "/").replace("~0", "~")))
}

fn number_in(rule: &Rule, above: &[Step], number: &str) -> Step {
    let paths = rule
        .entries()
        .map(|entry| &entry.path)
        .chain(rule.equality().iter().map(|entry| &entry.path));
    let next: Vec<&Step> = paths
        .filter(|path| meets(path.steps(), above))
        .filter_map(|path| path.steps().get(above.len()))
        .collect();
    if !next.is_empty() && next.iter().all(|step| step.is_member()) {
        Step::Name(number.to_owned())
    } else {
        Step::AnyElement
    }
}

/// The notation of denials: a key that is no bare segment stands in brackets, quoted only where it
/// must be.
fn field(text: &str) -> Option<Vec<LocationStep>> {
    let mut spots = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (spot, after) = if let Some(inside) = rest.strip_prefix('[') {
            bracket(inside)?
        } else {
            let from = if spots.is_empty() { rest } else { rest.strip_prefix('.')? };
            let end = from.find(['.', '[']).unwrap_or(from.len());
            let (name, after) = from.split_at_checked(end)?;
            let step = match name {
                "" => return None,
                "*" => Step::AnyMember,
                name => Step::Name(name.to_owned()),
            };
            (LocationStep::Step(step), after)
        };
        spots.push(spot);
        rest = after;
    }
    Some(spots)
}

/// What stands in brackets, and what follows them.
fn bracket(inside: &str) -> Option<(LocationStep, &str)> {
    if let Some((key, after)) = quoted(inside) {
        let step = match key.strip_suffix('*') {
            Some(prefix) if !prefix.ends_with('*') => Step::Prefix(prefix.to_owned()),
            Some(literal) => Step::Name(literal.to_owned()),
            None => Step::Name(key),
        };
        return Some((LocationStep::Step(step), after.strip_prefix(']')?));
    }
    let end = inside.find(['=', ']']).filter(|_| !inside.starts_with('\''))?;
    let (key, after) = inside.split_at_checked(end)?;
    if after.starts_with('=') {
        return keyed(inside);
    }
    let spot = match key {
        "" => return None,
        "*" => LocationStep::Step(Step::AnyElement),
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            LocationStep::Number(number.to_owned())
        }
        key => LocationStep::Step(Step::Name(key.to_owned())),
    };
    Some((spot, after.strip_prefix(']')?))
}

/// The members of a key with their values, and what follows the bracket.
fn keyed(inside: &str) -> Option<(LocationStep, &str)> {
    let (mut members, mut rest) = (Vec::new(), inside);
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some((text, after)) = quoted(after) {
            (KeyValue::Text(text.into()), after)
        } else {
            let (word, after) = after.split_at_checked(after.find([',', ']'])?)?;
            (KeyValue::from_word(word), after)
        };
        members.push((name.to_owned(), value));
        let Some(next) = after.strip_prefix(',') else {
            let step = Step::Keyed(KeySelector::new(members));
            return Some((LocationStep::Step(step), after.strip_prefix(']')?));
        };
        rest = next;
    }
}

/// A text in quotes, a quote inside doubled, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('\'')?;
    let mut found = String::new();
    let mut letters = inside.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '\'' {
            found.push(letter);
        } else if letters.next_if(|(_, next)| *next == '\'').is_some() {
            found.push('\'');
        } else {
            return inside.get(at + 1..).map(|after| (found, after));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{AskedLocation, LocationStep};
    use crate::engine::{KeySelector, KeyValue, Step};

    #[test]
    fn fields_of_denials_and_paths_of_rules_are_read() {
        let name = |text: &str| LocationStep::Step(Step::Name(text.into()));
        let keyed =
            |value: &str| LocationStep::Step(Step::Keyed(KeySelector::by_text("name", value)));
        let port = KeySelector::new(vec![
            ("port".into(), KeyValue::Integer(80)),
            ("protocol".into(), KeyValue::Text("a.b".into())),
        ]);
        let table = [
            (
                "spec.tasks[*].replicas",
                vec![
                    name("spec"),
                    name("tasks"),
                    LocationStep::Step(Step::AnyElement),
                    name("replicas"),
                ],
            ),
            (".spec.x", vec![name("spec"), name("x")]),
            (
                "spec.tasks[0].r",
                vec![name("spec"), name("tasks"), LocationStep::Number("0".into()), name("r")],
            ),
            (
                "metadata.labels[app.kubernetes.io/name]",
                vec![name("metadata"), name("labels"), name("app.kubernetes.io/name")],
            ),
            ("t[name=a.b][x/y]", vec![name("t"), keyed("a.b"), name("x/y")]),
            ("t[name='80']", vec![name("t"), keyed("80")]),
            ("t[protocol=a.b,port=80]", vec![name("t"), LocationStep::Step(Step::Keyed(port))]),
            (
                "t[name='it''s ]'].r[0]",
                vec![name("t"), keyed("it's ]"), name("r"), LocationStep::Number("0".into())],
            ),
            ("data['a].b[c'][x]", vec![name("data"), name("a].b[c"), name("x")]),
            (
                "data['p*'][x/y]",
                vec![name("data"), LocationStep::Step(Step::Prefix("p".into())), name("x/y")],
            ),
            (
                "/spec/tasks/0/env/-",
                vec![
                    name("spec"),
                    name("tasks"),
                    LocationStep::Number("0".into()),
                    name("env"),
                    LocationStep::Number("-".into()),
                ],
            ),
            ("/data/a~1b~0c~01/*", vec![name("data"), name("a/b~c~1"), name("*")]),
            ("/", vec![name("")]),
        ];
        for (text, expected) in table {
            assert_eq!(
                AskedLocation::parse(text).map(|location| location.0),
                Ok(expected),
                "{text}"
            );
        }
        for text in ["", ".", "a..b", "a[", "a[]", "a['x'", "a['x]", "a[x=", "a]b["] {
            assert!(AskedLocation::parse(text).is_err(), "{text}");
        }
    }
}
