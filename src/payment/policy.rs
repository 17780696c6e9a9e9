//! Every waiting time of the loop. There is no other timing constant for it.
//!
//! Source of defaults and ranges: protocol table 2.1.

use std::time::Duration;

/// The policy in force. Field names are the configuration's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// TCP and TLS, each host.
    pub connect_timeout: Duration,
    /// The whole exchange of a pay.
    pub pay_timeout: Duration,
    /// The whole exchange of a query, a reversal or a refund.
    pub query_timeout: Duration,
    /// First query after SYSTEMERROR, BANKERROR, a refusal or any doubt.
    pub first_query: Duration,
    /// First query after USERPAYING.
    pub first_query_after_password: Duration,
    /// Between queries.
    pub query_interval: Duration,
    /// Spread of `query_interval`, in thousandths either way.
    pub jitter_permille: u32,
    /// From pay to the last query; then it is reversed.
    pub give_up_after: Duration,
    /// From pay to the first reversal the gateway accepts. Never less than 15 s.
    pub reverse_not_before: Duration,
    /// Waits after the first reversals.
    pub reverse_waits: Vec<Duration>,
    /// Then this, until five minutes after the first.
    pub reverse_interval: Duration,
    /// Then this.
    pub reverse_interval_late: Duration,
    /// Before this age of the order ORDERNOTEXIST is not believed.
    pub not_found_after: Duration,
    /// Ages of an order closed as never arrived, at which it is asked about again.
    pub late_watch: Vec<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect_timeout: seconds(5),
            pay_timeout: seconds(15),
            query_timeout: seconds(6),
            first_query: Duration::from_millis(500),
            first_query_after_password: seconds(5),
            query_interval: seconds(3),
            jitter_permille: 100,
            give_up_after: seconds(45),
            reverse_not_before: seconds(15),
            reverse_waits: vec![seconds(5), seconds(10), seconds(20)],
            reverse_interval: seconds(30),
            reverse_interval_late: seconds(300),
            not_found_after: seconds(30),
            late_watch: vec![seconds(90), seconds(300)],
        }
    }
}
