//! What the API server lets a policy cost, in sizes of objects.

use std::sync::Arc;

use crate::cluster::control_plane::ControlPlane;

pub(super) async fn cost_less_than_the_budget(_plane: Arc<ControlPlane>) {}
