//! How a life of the database ends.

use std::io::ErrorKind;

use headwater_changelog::testing::Fault;
use headwater_model::SeededRng;

use crate::machine::Machine;

/// The end of one life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The actors finish, the database is closed.
    Clean,
    /// The actors finish, then the power goes.
    QuietPowerLoss,
    /// The power goes at some operation of the log's disk.
    PowerLoss,
    /// The power goes at some moment, with actors at work.
    SuddenPowerLoss,
    /// A write or fsync of the log fails; after that the process is restarted.
    LogFault { power_loss: bool },
    /// A write or fsync of the state fails, and all that follows or only that; after that the process is restarted.
    StateFault { power_loss: bool },
}

/// Operations of the log's disk among which one goes wrong.
pub(crate) const LOG_OPERATIONS: u64 = 250;
const STATE_OPERATIONS: u64 = 400;
/// About as many as there are for a sync.
const STATE_OPERATIONS_PER_SYNC: u64 = 8;

/// Everything fails from some operation on, or one sync alone.
fn fail_state(machine: &Machine, chosen: u64) {
    let after = chosen / STATE_OPERATIONS_PER_SYNC;
    match chosen % 4 {
        0 => machine.disk.fail_one_sync(after, ErrorKind::Other),
        1 => machine.disk.fail_one_sync(after, ErrorKind::StorageFull),
        _ => machine.disk.fail_after(chosen),
    }
}

impl End {
    pub(crate) fn choose(rng: &SeededRng) -> Self {
        let power_loss = rng.below(2) == 0;
        match rng.below(10) {
            0 => End::Clean,
            1 => End::QuietPowerLoss,
            2..5 => End::PowerLoss,
            5..7 => End::SuddenPowerLoss,
            7..9 => End::LogFault { power_loss },
            _ => End::StateFault { power_loss },
        }
    }

    /// Sets the trap, once the actors are about to begin.
    pub(crate) fn prepare(self, machine: &Machine) {
        let rng = &machine.rng;
        match self {
            End::Clean | End::QuietPowerLoss | End::SuddenPowerLoss => {}
            End::PowerLoss => machine.lose_power_within(LOG_OPERATIONS),
            End::LogFault { .. } => {
                let fault = match rng.below(3) {
                    0 => Fault::Short,
                    _ => Fault::Fail,
                };
                machine.files.inject(rng.below(LOG_OPERATIONS), fault);
            }
            End::StateFault { .. } => fail_state(machine, rng.below(STATE_OPERATIONS)),
        }
    }

    /// Whether the disks lose power before they are used again.
    pub(crate) fn loses_power(self) -> bool {
        match self {
            End::Clean => false,
            End::QuietPowerLoss | End::PowerLoss | End::SuddenPowerLoss => true,
            End::LogFault { power_loss } | End::StateFault { power_loss } => power_loss,
        }
    }
}
