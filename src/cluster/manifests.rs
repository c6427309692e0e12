//! What runs the webhook in a cluster: the chart's objects, for a process that does not register
//! itself. It has no permissions, and its certificate comes from a Secret. Pure values.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The chart, rendered with placeholders for what differs. A test derives the file.
const RENDERED: &str = include_str!("workload.yaml");

/// Helm does not create the namespace, so the chart lacks it.
const NAMESPACE: &str = include_str!("../../deploy/kustomize/namespace.yaml");

/// Arguments of a process that registers itself, by how they begin.
const OF_REGISTRATION: [&str; 4] =
    ["--cluster", "--registration=", "--service-", "--inject-ca-from="];

/// What there is to run.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) port: u16,
    pub(crate) image: String,
    /// The Secret with `tls.crt` and `tls.key`.
    pub(crate) tls_secret: String,
    /// Rules that are not built in: file names and texts.
    pub(crate) rules: BTreeMap<String, String>,
    /// Further arguments, such as `--no-builtin-rules`.
    pub(crate) arguments: Vec<String>,
}

impl Workload {
    /// The namespace, and the objects in it.
    ///
    /// # Errors
    /// Never, since both files are compiled in; a test reads them.
    pub(crate) fn objects(&self) -> Result<Vec<Value>, serde_saphyr::Error> {
        let mut namespace: Value = serde_saphyr::from_str(NAMESPACE)?;
        set(&mut namespace, "/metadata/name", self.namespace.clone());
        let rendered: Vec<Value> = serde_saphyr::from_multiple(RENDERED)?;
        let mut objects = vec![namespace];
        for mut object in rendered {
            self.name(&mut object);
            match object.get("kind").and_then(Value::as_str) {
                Some("ConfigMap") if self.rules.is_empty() => continue,
                Some("ConfigMap") => set(&mut object, "/data", json!(self.rules)),
                Some("Service") => set(&mut object, "/spec/ports/0/port", self.port),
                Some("Deployment") => self.run(&mut object),
                _ => {}
            }
            objects.push(object);
        }
        Ok(objects)
    }

    /// Replaces each text that is a placeholder.
    fn name(&self, value: &mut Value) {
        match value {
            Value::String(text) => match text.as_str() {
                "fieldward-service" => text.clone_from(&self.name),
                "fieldward-service-rules" => *text = format!("{}-rules", self.name),
                "fieldward-namespace" => text.clone_from(&self.namespace),
                "fieldward-secret" => text.clone_from(&self.tls_secret),
                "fieldward-image:fieldward-tag" => text.clone_from(&self.image),
                _ => {}
            },
            Value::Array(values) => values.iter_mut().for_each(|value| self.name(value)),
            Value::Object(members) => members.values_mut().for_each(|value| self.name(value)),
            _ => {}
        }
    }

    fn run(&self, deployment: &mut Value) {
        const POD: &str = "/spec/template/spec";
        set(deployment, &format!("{POD}/automountServiceAccountToken"), false);
        let has_rules = !self.rules.is_empty();
        for list in ["volumes", "containers/0/volumeMounts"] {
            retain(deployment, &format!("{POD}/{list}"), |item| {
                has_rules || item.get("name") != Some(&json!("rules"))
            });
        }
        let arguments = format!("{POD}/containers/0/args");
        retain(deployment, &arguments, |argument| {
            let text = argument.as_str().unwrap_or_default();
            (has_rules || !text.starts_with("--rules="))
                && !OF_REGISTRATION.iter().any(|start| text.starts_with(start))
        });
        if let Some(Value::Array(arguments)) = deployment.pointer_mut(&arguments) {
            arguments.extend(self.arguments.iter().map(|argument| json!(argument)));
        }
    }
}

fn set(object: &mut Value, pointer: &str, value: impl Into<Value>) {
    if let Some(place) = object.pointer_mut(pointer) {
        *place = value.into();
    }
}

fn retain(object: &mut Value, pointer: &str, is_kept: impl Fn(&Value) -> bool) {
    if let Some(Value::Array(items)) = object.pointer_mut(pointer) {
        items.retain(is_kept);
    }
}
