//! Scanners in HID POS mode ("HID Point of Sale Usage Tables" 1.02, now section 25 of the HID Usage Tables): what a
//! report descriptor says, and what the reports are.
//!
//! Offsets are never taken for granted. Honeywell, Zebra and Newland all send report 2 with 64 bytes, each in an order
//! of its own.

mod descriptor;
mod layout;
mod reports;

#[cfg(test)]
mod samples;

pub use descriptor::{DescriptorError, HidKind, NoScanner};
pub use layout::Layout;
pub use reports::HidReports;
