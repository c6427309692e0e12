//! §5 "`when`": where an entry with a condition is there. The expression is evaluated by the same
//! library, over the whole objects as they were sent and without what the engine puts around it.

use super::equality::value_at;
use super::rule::{At, Location, Reading, Step};
use super::{Oracle, Part, equality};
use cel::{Context, Program, Value as Cel};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

thread_local! {
    static PROGRAMS: RefCell<HashMap<String, &'static Program>> = RefCell::default();
}

/// What both sides have at a location.
pub(super) type Sides<'v> = (Option<&'v Value>, Option<&'v Value>);

/// At how many locations one entry's condition is asked.
const MOST: usize = 1_000;

/// What was asked already: the entry, the location, which side has it.
pub(super) type Asked = RefCell<BTreeMap<(usize, Location, bool), bool>>;

impl Oracle<'_> {
    /// Whether the entry of that number is there, at a location that its path reaches.
    pub(super) fn is_there(&self, number: usize, at: &[At], sides: Sides) -> bool {
        let Some(text) = &self.entries[number].when else { return true };
        if !is_by_value(text) {
            return self.ask((number, Location::new(), true), text, (None, None));
        }
        // A member of a Set list is where it stands in the one list that has it; all else is found
        // by its name.
        let sides = match at.last() {
            Some(At::Member(_)) => sides,
            _ => (value_at(self.rule, self.old, at), value_at(self.rule, self.new, at)),
        };
        self.ask((number, at.to_vec(), sides.0.is_some()), text, sides)
    }

    /// Whether the entry is there at some location below an object that one side has; the other
    /// side's value is found by name.
    pub(super) fn is_there_below(&self, number: usize, at: &[At], (old, new): Sides) -> bool {
        let entry = &self.entries[number];
        let by_value = entry.when.as_ref().is_some_and(|text| is_by_value(text));
        if by_value && !self.has(Part::ConditionsOnTheWay) {
            return true;
        }
        if !by_value {
            return self.is_there(number, at, (None, None));
        }
        let value = old.or(new).expect("an object on the way is there on one side");
        self.locations(&entry.path.0[at.len()..], at.to_vec(), value).iter().any(|(at, value)| {
            let sides = if old.is_some() { (Some(*value), None) } else { (None, Some(*value)) };
            self.is_there(number, at, sides)
        })
    }

    /// The locations that the rest of a path reaches in a value, which is on one side only.
    fn locations<'v>(
        &self,
        steps: &[Step],
        at: Location,
        value: &'v Value,
    ) -> Vec<(Location, &'v Value)> {
        let Some((step, rest)) = steps.split_first() else { return vec![(at, value)] };
        let children: Vec<(At, &Value)> = match value {
            Value::Object(members) => {
                members.iter().map(|(key, member)| (At::Key(key.clone()), member)).collect()
            }
            Value::Array(list) => self.elements_of(&at, list),
            _ => Vec::new(),
        };
        let mut found = Vec::new();
        for (name, child) in children.into_iter().filter(|(name, _)| step.goes_to(name)) {
            let mut at = at.clone();
            at.push(name);
            if self.seen(&at, Some(child)).is_some() {
                found.extend(self.locations(rest, at, child));
            }
        }
        found
    }

    fn elements_of<'v>(&self, at: &Location, list: &'v [Value]) -> Vec<(At, &'v Value)> {
        let numbered = list.iter().enumerate();
        if self.read_as(at) == Some(&Reading::Set) {
            return numbered.map(|(index, element)| (At::Member(index), element)).collect();
        }
        let key = self.readings(at).find_map(|reading| match reading {
            Reading::Key(key) => Some(key),
            _ => None,
        });
        match key.and_then(|key| equality::names(list, key)) {
            Some(names) => {
                list.iter().zip(names).map(|(element, name)| (At::Named(name), element)).collect()
            }
            None => numbered.map(|(index, element)| (At::Index(index), element)).collect(),
        }
    }

    fn ask(&self, question: (usize, Location, bool), text: &str, sides: Sides) -> bool {
        if let Some(answer) = self.asked.borrow().get(&question) {
            return *answer;
        }
        let count = self.asked.borrow().keys().filter(|(number, ..)| *number == question.0).count();
        let answer = count < MOST && self.holds(text, sides);
        self.asked.borrow_mut().insert(question, answer);
        answer
    }

    fn holds(&self, text: &str, (old, new): Sides) -> bool {
        let mut context = Context::default();
        let request = serde_json::json!({
            "operation": "UPDATE", "userInfo": {"username": self.user.name,
                "groups": self.user.groups},
        });
        let null = Value::Null;
        let variables = [
            ("oldObject", self.old),
            ("object", self.new),
            ("oldValue", old.unwrap_or(&null)),
            ("value", new.unwrap_or(&null)),
            ("request", &request),
        ];
        for (name, value) in variables {
            context.add_variable_from_value(name, cel(value));
        }
        program(text).execute(&context) == Ok(Cel::Bool(true))
    }
}

/// Whether an expression over both objects, such as a `matchCondition`, holds.
pub(crate) fn holds(text: &str, old: &Value, new: &Value) -> bool {
    let mut context = Context::default();
    for (name, value) in [("oldObject", old), ("object", new)] {
        context.add_variable_from_value(name, cel(value));
    }
    program(text).execute(&context) == Ok(Cel::Bool(true))
}

fn program(text: &str) -> &'static Program {
    PROGRAMS.with_borrow_mut(|programs| {
        if !programs.contains_key(text) {
            let program =
                cel::Env::stdlib().compile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            programs.insert(text.to_owned(), Box::leak(Box::new(program)));
        }
        programs[text]
    })
}

fn is_by_value(text: &str) -> bool {
    let references = program(text).references();
    references.has_variable("value") || references.has_variable("oldValue")
}

fn cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(bool) => (*bool).into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => list.iter().map(cel).collect::<Vec<_>>().into(),
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), cel(member)))
            .collect::<HashMap<_, _>>()
            .into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(int), _) => Cel::Int(int),
            (None, Some(uint)) => Cel::UInt(uint),
            (None, None) => Cel::Float(number.as_f64().unwrap()),
        },
    }
}
