//! The arguments of the operator's commands.

use clap::Args;

/// The arguments of `status`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct StatusArgs {
    /// Ask Kafka for what it has now, instead of telling what the last poll saw
    #[arg(long)]
    pub live: bool,
}

/// The arguments of `resume`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ResumeArgs {
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,

    /// The partition; without it, every retired partition of the topic
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Option<i32>,

    /// Where reading goes on: after a diverged log where the new generation begins, after any other
    /// stop an offset behind it
    #[arg(long, value_name = "OFFSET", requires = "partition", value_parser = clap::value_parser!(i64).range(0..))]
    pub at: Option<i64>,

    /// Why; it stays in the ledger
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Do it; without this it is told what would be done
    #[arg(long, requires = "reason")]
    pub yes: bool,
}

/// The arguments of `retire`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RetireArgs {
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,

    /// Only this partition: for one that is gone where the topic goes on with fewer
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Option<i32>,

    /// Why; it stays in the ledger
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Do it; without this it is told what would be done
    #[arg(long, requires = "reason")]
    pub yes: bool,
}

/// The arguments of `adopt-cluster`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AdoptClusterArgs {
    /// The id of the cluster, as the refused poll named it
    #[arg(value_name = "ID")]
    pub id: String,

    /// Do it; without this it is told what would be done
    #[arg(long)]
    pub yes: bool,
}
