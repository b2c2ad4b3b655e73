//! The bounded queue between callers of `append` and the writer.
//!
//! A caller that stops waiting must know whether its batch can still be stored. So each batch is claimed once: by
//! the writer, which then stores it, or by its caller, who cancels it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
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

/// Batches that wait for the writer; the next one is refused as busy.
const BATCHES_MAX: usize = 4_096;

/// Bytes of text in all batches that wait or are being stored; the next batch is refused as busy.
const BYTES_MAX: u32 = 32 * 1024 * 1024;

pub(crate) type AppendResult = Result<Vec<Appended>, AppendError>;

/// The batch of one `append` call, on its way to the writer.
pub(crate) struct QueuedBatch {
    pub(crate) drafts: Vec<Draft>,
    /// The text of all drafts.
    pub(crate) bytes: usize,
    claim: Arc<Claim>,
    reply: oneshot::Sender<AppendResult>,
    _permit: OwnedSemaphorePermit,
}

impl QueuedBatch {
    /// Claims the batch for the writer; false if its caller has cancelled it.
    pub(crate) fn try_claim(&self) -> bool {
        self.claim.try_set(Claim::CLAIMED)
    }

    pub(crate) fn into_parts(self) -> (Vec<Draft>, Reply) {
        (self.drafts, Reply(self.reply))
    }
}

/// Returns a batch's result to its caller.
pub(crate) struct Reply(oneshot::Sender<AppendResult>);

impl Reply {
    pub(crate) fn send(self, result: AppendResult) {
        // The caller may have been dropped; what was stored is stored.
        let _ = self.0.send(result);
    }
}

/// Whether the writer has claimed a batch or its caller has cancelled it. It is set once.
struct Claim(AtomicU8);

impl Claim {
    const WAITING: u8 = 0;
    const CLAIMED: u8 = 1;
    const CANCELLED: u8 = 2;

    /// Leaves `WAITING`; returns whether this call did.
    fn try_set(&self, state: u8) -> bool {
        self.0.compare_exchange(Self::WAITING, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The callers' end.
pub(crate) struct AppendQueue {
    /// `None` once the log is closed.
    sender: Mutex<Option<SyncSender<QueuedBatch>>>,
    byte_permits: Arc<Semaphore>,
    timeout: Duration,
}

impl AppendQueue {
    /// Callers wait up to `timeout` for the writer to claim their batch, and up to `timeout` again for its result.
    pub(crate) fn new(timeout: Duration) -> (Self, Receiver<QueuedBatch>) {
        let (sender, receiver) = sync_channel(BATCHES_MAX);
        let byte_permits = Arc::new(Semaphore::new(BYTES_MAX as usize));
        (Self { sender: Mutex::new(Some(sender)), byte_permits, timeout }, receiver)
    }

    /// Queues a batch and waits for its result. The writer stores it even if the caller drops this future.
    pub(crate) async fn append(&self, drafts: Vec<Draft>) -> AppendResult {
        let mut pending = self.push(drafts)?;
        if let Ok(result) = timeout(self.timeout, &mut pending.reply).await {
            return result.unwrap_or_else(|_| Err(pending.writer_ended()));
        }
        if pending.claim.try_set(Claim::CANCELLED) {
            return Err(AppendError::Busy);
        }
        match timeout(self.timeout, &mut pending.reply).await {
            Ok(result) => result.unwrap_or_else(|_| Err(pending.writer_ended())),
            Err(_) => {
                let cause = anyhow!("the commit takes longer than log.append_timeout ({:?})", self.timeout);
                Err(AppendError::Unknown(cause))
            }
        }
    }

    /// Refuses further batches. The writer ends after those that wait.
    pub(crate) fn close(&self) {
        self.sender().take();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.sender().is_some()
    }

    fn push(&self, drafts: Vec<Draft>) -> Result<PendingAppend, AppendError> {
        let bytes = drafts.iter().map(|draft| draft.text.as_str().len()).sum();
        // A batch that is larger than the whole queue is taken when the queue is empty.
        let permits = u32::try_from(bytes).unwrap_or(BYTES_MAX).min(BYTES_MAX);
        let permit = self.byte_permits.clone().try_acquire_many_owned(permits);
        let permit = permit.map_err(|_| AppendError::Busy)?;

        let claim = Arc::new(Claim(AtomicU8::new(Claim::WAITING)));
        let (sender, reply) = oneshot::channel();
        let batch = QueuedBatch { drafts, bytes, claim: claim.clone(), reply: sender, _permit: permit };
        let sent = match &*self.sender() {
            Some(sender) => sender.try_send(batch),
            None => return Err(AppendError::Unavailable(anyhow!("the log is closed"))),
        };
        match sent {
            Ok(()) => Ok(PendingAppend { claim, reply }),
            Err(TrySendError::Full(_)) => Err(AppendError::Busy),
            Err(TrySendError::Disconnected(_)) => {
                Err(AppendError::Unavailable(anyhow!("the log's writer thread has ended")))
            }
        }
    }

    fn sender(&self) -> MutexGuard<'_, Option<SyncSender<QueuedBatch>>> {
        lock(&self.sender)
    }
}

/// What a caller holds while its batch is queued or being stored.
struct PendingAppend {
    claim: Arc<Claim>,
    reply: oneshot::Receiver<AppendResult>,
}

impl PendingAppend {
    /// The error if the writer ended without a reply.
    fn writer_ended(&self) -> AppendError {
        let cause = anyhow!("the log's writer thread has ended");
        if self.claim.try_set(Claim::CANCELLED) {
            AppendError::Unavailable(cause)
        } else {
            AppendError::Unknown(cause)
        }
    }
}
