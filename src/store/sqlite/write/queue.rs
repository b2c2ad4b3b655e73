//! The way to the writer: a bounded queue, and what a caller knows at each moment.
//!
//! A caller that stops waiting must know whether its run can still be stored.
//! So each run is claimed once: by the writer, which then stores it, or by its
//! caller, who then knows that nobody will.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use anyhow::anyhow;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use crate::{
    chat::{
        model::Draft,
        ports::{AppendError, Appended},
    },
    sync::lock,
};

/// Runs that wait for the writer; the next one is refused as busy.
const RUNS_MAX: usize = 4_096;

/// Text of all runs that wait or are being stored, in bytes; likewise.
const BYTES_MAX: u32 = 32 * 1024 * 1024;

/// What the writer does with a run.
pub(crate) type Answer = Result<Vec<Appended>, AppendError>;

/// One call of `append`, on its way.
pub(crate) struct Run {
    pub(crate) drafts: Vec<Draft>,
    /// The text of all its drafts.
    pub(crate) bytes: usize,
    claim: Arc<Claim>,
    reply: oneshot::Sender<Answer>,
    _room: OwnedSemaphorePermit,
}

impl Run {
    /// Claims it for the writer, unless its caller has given up.
    pub(crate) fn take(&self) -> bool {
        self.claim.settle(Claim::TAKEN)
    }

    /// Splits what is stored from whom to tell of it.
    pub(crate) fn into_parts(self) -> (Vec<Draft>, Reply) {
        (self.drafts, Reply(self.reply))
    }
}

/// Where the answer to a run goes.
pub(crate) struct Reply(oneshot::Sender<Answer>);

impl Reply {
    pub(crate) fn send(self, answer: Answer) {
        // The caller may be gone; what was stored is stored.
        let _ = self.0.send(answer);
    }
}

/// Who decides about a run.
struct Claim(AtomicU8);

impl Claim {
    const WAITING: u8 = 0;
    const TAKEN: u8 = 1;
    const CANCELLED: u8 = 2;

    /// Decides, if nobody has; says whether it did.
    fn settle(&self, by: u8) -> bool {
        self.0.compare_exchange(Self::WAITING, by, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The callers' end.
pub(crate) struct Queue {
    /// None once the log is closed.
    runs: Mutex<Option<SyncSender<Run>>>,
    room: Arc<Semaphore>,
    patience: Duration,
}

impl Queue {
    /// A queue whose callers wait `patience` for the writer to take their run,
    /// and as long again for it to be stored.
    pub(crate) fn new(patience: Duration) -> (Self, Receiver<Run>) {
        let (sender, receiver) = sync_channel(RUNS_MAX);
        let room = Arc::new(Semaphore::new(BYTES_MAX as usize));
        (Self { runs: Mutex::new(Some(sender)), room, patience }, receiver)
    }

    /// Brings a run to the writer and waits for what becomes of it. The writer
    /// stores it also when the caller drops this.
    pub(crate) async fn append(&self, drafts: Vec<Draft>) -> Answer {
        let mut ticket = self.push(drafts)?;
        if let Ok(answer) = timeout(self.patience, &mut ticket.reply).await {
            return answer.unwrap_or_else(|_| Err(ticket.writer_gone()));
        }
        if ticket.claim.settle(Claim::CANCELLED) {
            return Err(AppendError::Busy);
        }
        match timeout(self.patience, &mut ticket.reply).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(ticket.writer_gone())),
            Err(_) => Err(AppendError::Unknown(anyhow!("the commit takes longer than {:?}", self.patience))),
        }
    }

    /// Takes no more runs. The writer ends when it has done those that wait.
    pub(crate) fn close(&self) {
        self.sender().take();
    }

    /// Whether it takes runs.
    pub(crate) fn is_open(&self) -> bool {
        self.sender().is_some()
    }

    fn push(&self, drafts: Vec<Draft>) -> Result<Ticket, AppendError> {
        let bytes = drafts.iter().map(|draft| draft.text.as_str().len()).sum();
        // A run larger than the whole queue passes when it is alone.
        let permits = u32::try_from(bytes).unwrap_or(BYTES_MAX).min(BYTES_MAX);
        let room = self.room.clone().try_acquire_many_owned(permits).map_err(|_| AppendError::Busy)?;

        let claim = Arc::new(Claim(AtomicU8::new(Claim::WAITING)));
        let (sender, reply) = oneshot::channel();
        let run = Run { drafts, bytes, claim: claim.clone(), reply: sender, _room: room };
        let sent = match &*self.sender() {
            Some(runs) => runs.try_send(run),
            None => return Err(AppendError::Unavailable(anyhow!("the log is closed"))),
        };
        match sent {
            Ok(()) => Ok(Ticket { claim, reply }),
            Err(TrySendError::Full(_)) => Err(AppendError::Busy),
            Err(TrySendError::Disconnected(_)) => {
                Err(AppendError::Unavailable(anyhow!("the log's writer has ended")))
            }
        }
    }

    fn sender(&self) -> std::sync::MutexGuard<'_, Option<SyncSender<Run>>> {
        lock(&self.runs)
    }
}

/// What a caller holds while its run is on its way.
struct Ticket {
    claim: Arc<Claim>,
    reply: oneshot::Receiver<Answer>,
}

impl Ticket {
    /// The writer has ended without an answer.
    fn writer_gone(&self) -> AppendError {
        let cause = anyhow!("the log's writer has ended");
        if self.claim.settle(Claim::CANCELLED) {
            AppendError::Unavailable(cause)
        } else {
            AppendError::Unknown(cause)
        }
    }
}
