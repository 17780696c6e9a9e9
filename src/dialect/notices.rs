use super::{Distrust, HttpReply, Proof};
use crate::payment::RefundNotice;

/// What the gateway tells by itself about refunds, and what it wants to hear in return.
pub trait Notices: Send + Sync {
    /// Reads a notification, which came as header fields and a body (`sent.status` says nothing), in this order, and
    /// stops at the first failure: size → form → signature → is it for our merchant → meaning.
    ///
    /// # Errors
    /// When it must not be believed, or is about something else.
    fn read(&self, sent: &HttpReply, proof: &Proof<'_>) -> Result<RefundNotice, Distrust>;

    /// What says *kept, do not send it again*: status, content type and body.
    fn kept(&self) -> (u16, &'static str, &'static str);

    /// What goes with the status of a refusal: content type and body. It never says why: whoever has sent it may be
    /// anybody.
    fn refused(&self) -> (&'static str, &'static str);
}
