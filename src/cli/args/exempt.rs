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
pub(in crate::cli) struct ExemptArgs {
    /// Exempt updates in this namespace; may be repeated
    #[arg(
        id = "exempt_namespace",
        long = "exempt-namespace",
        value_name = "NAME",
        env = "FIELDWARD_EXEMPT_NAMESPACE",
        value_delimiter = ',',
        value_parser = dns_label,
    )]
    namespaces: Vec<String>,
    /// Exempt updates by this user; may be repeated; in the variable, one name per line
    #[arg(
        id = "exempt_user",
        long = "exempt-user",
        value_name = "NAME",
        env = "FIELDWARD_EXEMPT_USER",
        value_delimiter = '\n',
        value_parser = NonEmptyStringValueParser::new(),
    )]
    users: Vec<String>,
    /// Exempt updates by members of this group; may be repeated; in the variable, one name per line
    #[arg(
        id = "exempt_group",
        long = "exempt-group",
        value_name = "NAME",
        env = "FIELDWARD_EXEMPT_GROUP",
        value_delimiter = '\n',
        value_parser = NonEmptyStringValueParser::new(),
    )]
    groups: Vec<String>,
    /// Exempt updates by this service account; may be repeated
    #[arg(
        id = "exempt_service_account",
        long = "exempt-service-account",
        value_name = "NAMESPACE/NAME",
        env = "FIELDWARD_EXEMPT_SERVICE_ACCOUNT",
        value_delimiter = ',',
        value_parser = service_account,
    )]
    service_accounts: Vec<String>,
}

impl ExemptArgs {
    pub(in crate::cli) fn apply(&self, rules: RuleSet) -> RuleSet {
        rules.exempting(self.exemptions())
    }

    pub(in crate::cli) fn exemptions(&self) -> Arc<Exemptions> {
        Arc::new(Exemptions {
            namespaces: self.namespaces.clone(),
            requesters: Requesters {
                users: self.users.clone(),
                groups: self.groups.clone(),
                service_accounts: self.service_accounts.clone(),
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
