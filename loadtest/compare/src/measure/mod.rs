//! Measures one contender under one load.

pub(crate) mod fanout;
pub(crate) mod growth;
pub(crate) mod idle;
pub(crate) mod ingest;
pub(crate) mod node_state;
pub(crate) mod recovery;
pub(crate) mod scale;
pub(crate) mod stress;

use chorus_load::dialect::Dialect;

use self::scale::Scale;
use crate::{
    contender::{Contender, Paths, RunningContender},
    numbers::Numbers,
    scenario::Scenario,
};

/// Starts the contender, measures it and stops it.
///
/// # Errors
///
/// It does not start, or fails under the load.
pub(crate) async fn measure(
    scenario: Scenario,
    contender: Contender,
    paths: &Paths,
    scale: Scale,
) -> anyhow::Result<Numbers> {
    let mut running = RunningContender::start(contender, paths).await?;
    let running = &mut running;
    match scenario {
        Scenario::Fanout => fanout::measure(running, paths, &["--clients=500", "--rate=200"], scale).await,
        Scenario::FanoutHigh => {
            fanout::measure(running, paths, &["--clients=500", "--rate=1000"], scale).await
        }
        Scenario::Saturation => {
            fanout::measure(running, paths, &["--clients=100", "--in-flight=1"], scale).await
        }
        Scenario::Ingest => ingest::measure(running, Dialect::Tutorial, scale).await,
        Scenario::IngestUnjoined => ingest::measure(running, Dialect::Native, scale).await,
        Scenario::Idle => idle::measure(running, scale.idle()?).await,
        Scenario::IdleMany => idle::measure(running, scale.idle_many()?).await,
        Scenario::Recovery => recovery::measure(running, paths, scale).await,
        Scenario::Storm => stress::storm(running, scale).await,
        Scenario::Connects => stress::connects(running, scale).await,
        Scenario::Flapping => stress::flapping(running, paths, scale).await,
        Scenario::Replay => stress::replay(running, paths, scale).await,
        Scenario::Growth => growth::history(running, scale).await,
        Scenario::Clients => growth::clients_of_one_room(running, paths, scale).await,
        Scenario::Rooms => growth::rooms(running, paths, scale).await,
    }
}
