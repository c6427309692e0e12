//! Who may make a change.

use std::fmt;

/// A list of requesters: users, groups and service accounts. It reads `user a or service accounts
/// b/c, b/d`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requesters {
    /// User names.
    pub users: Vec<String>,
    /// Group names.
    pub groups: Vec<String>,
    /// Service accounts as `namespace/name`.
    pub service_accounts: Vec<String>,
}

impl Requesters {
    /// Whether the requester is one of them.
    pub(crate) fn contains(&self, user: &str, groups: &[String]) -> bool {
        let account =
            user.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'));
        self.users.iter().any(|name| name == user)
            || self.groups.iter().any(|name| groups.contains(name))
            || account.is_some_and(|account| {
                self.service_accounts.iter().any(|listed| listed.split_once('/') == Some(account))
            })
    }
}

/// Who and what no rule restricts, in addition to each rule's own `exempt`. The update is still
/// judged, so that each use of an exemption is reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Exemptions {
    /// Namespaces whose objects are exempt.
    pub(crate) namespaces: Vec<String>,
    /// Requesters who are exempt.
    pub(crate) requesters: Requesters,
}

impl Exemptions {
    /// What is exempt, by what it is.
    pub(crate) fn lists(&self) -> [(&'static str, &[String]); 4] {
        [
            ("namespace", &self.namespaces),
            ("user", &self.requesters.users),
            ("group", &self.requesters.groups),
            ("service account", &self.requesters.service_accounts),
        ]
    }

    /// Whether an update of an object in `namespace` by this requester is exempt.
    pub(crate) fn contains(&self, namespace: &str, user: &str, groups: &[String]) -> bool {
        self.namespaces.iter().any(|exempt| exempt == namespace)
            || self.requesters.contains(user, groups)
    }
}

impl fmt::Display for Requesters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("user", &self.users),
            ("group", &self.groups),
            ("service account", &self.service_accounts),
        ];
        for (index, (what, names)) in
            lists.into_iter().filter(|(_, names)| !names.is_empty()).enumerate()
        {
            let before = if index == 0 { "" } else { " or " };
            let plural = if names.len() == 1 { "" } else { "s" };
            write!(out, "{before}{what}{plural} {}", names.join(", "))?;
        }
        Ok(())
    }
}
