//! Who updates.

use crate::analysis::explain::answer::Requester;

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct RequesterArgs {
    /// The user who updates the object. The groups that the API server adds, as
    /// `system:authenticated` and those of a service account, need not be given
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user: Option<String>,
    /// A group of that user; may be repeated
    #[arg(id = "group", long = "group", value_name = "NAME")]
    groups: Vec<String>,
}

impl RequesterArgs {
    /// The requester; none if neither a user nor a group is given.
    pub(in crate::cli) fn requester(&self) -> Option<Requester<'_>> {
        let is_given = self.user.is_some() || !self.groups.is_empty();
        is_given.then(|| Requester {
            user: self.user.as_deref().unwrap_or_default(),
            groups: self.all_groups(),
        })
    }

    /// The groups that are given, and those that the API server adds to a user.
    pub(in crate::cli) fn all_groups(&self) -> Vec<String> {
        let mut groups = self.groups.clone();
        let user = self.user.as_deref().unwrap_or_default();
        let account = user.strip_prefix("system:serviceaccount:").and_then(|it| it.split_once(':'));
        if let Some((namespace, _)) = account {
            groups.push("system:serviceaccounts".to_owned());
            groups.push(format!("system:serviceaccounts:{namespace}"));
        }
        match user {
            "" => {}
            "system:anonymous" => groups.push("system:unauthenticated".to_owned()),
            _ => groups.push("system:authenticated".to_owned()),
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::RequesterArgs;

    #[test]
    fn the_groups_that_the_api_server_adds_need_not_be_given() {
        let table = [
            (None, "staff"),
            (Some("alice"), "staff system:authenticated"),
            (Some("system:anonymous"), "staff system:unauthenticated"),
            (
                Some("system:serviceaccount:ns:ctl"),
                "staff system:serviceaccounts system:serviceaccounts:ns system:authenticated",
            ),
        ];
        for (user, expected) in table {
            let user = user.map(str::to_owned);
            let args = RequesterArgs { user, groups: vec!["staff".to_owned()] };
            assert_eq!(args.all_groups().join(" "), expected);
        }
    }
}
