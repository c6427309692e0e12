//! Exemptions that hold for every rule.

use std::sync::Arc;

use clap::builder::NonEmptyStringValueParser;

use super::names::{dns_label, is_namespaced_name};
use crate::engine::{Exemptions, Requesters, RuleSet};

/// Exemptions in addition to each rule's own `exempt`.
// The name of a user or group can contain a comma, so their variables have one name a line.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Exemptions from all rules")]
#[group(skip)]
#[expect(clippy::struct_field_names, reason = "fields are named as their flags")]
pub(in crate::cli) struct ExemptArgs {
    /// Exempt updates in this namespace; may be repeated
    #[arg(
        long,
        value_name = "NAME",
        env = "FIELDWARD_EXEMPT_NAMESPACE",
        value_delimiter = ',',
        value_parser = dns_label,
    )]
    exempt_namespace: Vec<String>,
    /// Exempt updates by this user; may be repeated; in the variable, one name per line
    #[arg(
        long,
        value_name = "NAME",
        env = "FIELDWARD_EXEMPT_USER",
        value_delimiter = '\n',
        value_parser = NonEmptyStringValueParser::new(),
    )]
    exempt_user: Vec<String>,
    /// Exempt updates by members of this group; may be repeated; in the variable, one name per line
    #[arg(
        long,
        value_name = "NAME",
        env = "FIELDWARD_EXEMPT_GROUP",
        value_delimiter = '\n',
        value_parser = NonEmptyStringValueParser::new(),
    )]
    exempt_group: Vec<String>,
    /// Exempt updates by this service account; may be repeated
    #[arg(
        long,
        value_name = "NAMESPACE/NAME",
        env = "FIELDWARD_EXEMPT_SERVICE_ACCOUNT",
        value_delimiter = ',',
        value_parser = service_account,
    )]
    exempt_service_account: Vec<String>,
}

impl ExemptArgs {
    pub(in crate::cli) fn apply(&self, rules: RuleSet) -> RuleSet {
        rules.exempting(self.exemptions())
    }

    pub(in crate::cli) fn exemptions(&self) -> Arc<Exemptions> {
        Arc::new(Exemptions {
            namespaces: self.exempt_namespace.clone(),
            requesters: Requesters {
                users: self.exempt_user.clone(),
                groups: self.exempt_group.clone(),
                service_accounts: self.exempt_service_account.clone(),
            },
        })
    }
}

fn service_account(text: &str) -> Result<String, String> {
    if is_namespaced_name(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("expected a service account as `namespace/name`, found `{text}`"))
    }
}
