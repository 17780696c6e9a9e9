//! `shroff`: a cashier terminal that takes WeChat Pay Quick Pay and knows where the money is.
//!
//! Folders are floors; a module uses its own floor and what lies below it, and nothing looks up.
#![doc = include_str!("README.md")]

pub mod words;

pub mod dialect;
pub mod payment;
pub mod reconcile;
pub mod scan;
pub mod scene;

pub mod ledger;

pub mod till;

pub mod config;
pub mod edge;

pub mod cli;
pub mod daemon;

pub mod sim;
