//! Who updates.

use crate::analysis::explain::answer::Requester;

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct RequesterArgs {
    /// The user who updates the object
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user: Option<String>,
    /// A group of that user; may be repeated
    #[arg(id = "group", long = "group", value_name = "NAME")]
    pub(in crate::cli) groups: Vec<String>,
}

impl RequesterArgs {
    /// The requester; none if neither a user nor a group is given.
    pub(in crate::cli) fn requester(&self) -> Option<Requester<'_>> {
        let is_given = self.user.is_some() || !self.groups.is_empty();
        is_given.then(|| Requester {
            user: self.user.as_deref().unwrap_or_default(),
            groups: &self.groups,
        })
    }
}
