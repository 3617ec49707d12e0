//! The kinds of objects that files can say, and where the API has them.

/// A kind of object. The order is the one in which they are written: what is named before what names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// What the company's agents are told.
    AgentSettings,
    /// How long what is over is kept.
    Retention,
    /// How exceptions come to be in force.
    ExceptionSettings,
    /// What hosts are called by.
    Label,
    /// What is to hold for hosts.
    Policy,
    /// What the company has decided not to be told of.
    Exception,
    /// Whom the company tells what happens in it.
    Webhook,
    /// When which report is made by itself.
    ReportSchedule,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::AgentSettings,
        Self::Retention,
        Self::ExceptionSettings,
        Self::Label,
        Self::Policy,
        Self::Exception,
        Self::Webhook,
        Self::ReportSchedule,
    ];

    /// The name in files.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AgentSettings => "AgentSettings",
            Self::Retention => "Retention",
            Self::ExceptionSettings => "ExceptionSettings",
            Self::Label => "Label",
            Self::Policy => "Policy",
            Self::Exception => "Exception",
            Self::Webhook => "Webhook",
            Self::ReportSchedule => "ReportSchedule",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether a company has one, which then has no name, and cannot be without it.
    pub(super) const fn is_single(self) -> bool {
        matches!(self, Self::AgentSettings | Self::Retention | Self::ExceptionSettings)
    }

    /// The object or the list in the API.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::AgentSettings => "/settings",
            Self::Retention => "/settings/retention",
            Self::ExceptionSettings => "/exceptions/settings",
            Self::Label => "/labels",
            Self::Policy => "/policies",
            Self::Exception => "/exceptions",
            Self::Webhook => "/webhooks",
            Self::ReportSchedule => "/report-schedules",
        }
    }
}
