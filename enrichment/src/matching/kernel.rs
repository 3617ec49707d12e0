//! Kernels: of those that are installed, the one that runs is judged.
//!
//! Where a subject says that another one runs, it is not judged, and says so; where it does not
//! tell, each installed kernel is, and its findings say that it may not be running. Headers, tools
//! and documentation are built of the same source and hold nothing of it; their findings would only
//! repeat those of the kernel. Which package is what, and of which kernel, is asked of [`kernels`].

use kernels::{Package, Part};

use crate::subject::Subject;

/// What is said of findings of an installed kernel where nobody says which one runs.
pub(super) const MAY_NOT_RUN: &str =
    "whether this installed kernel is the one that runs is not known";

/// Why a kernel that does not run is not judged. What stands before the colon never changes:
/// programs look for it.
pub(super) const NOT_RUNNING: &str = "not running: this kernel is installed and another one runs; \
                                      it counts once the host boots into it";

/// What a subject holds of a kernel; `source_name` is the source package that it was found to be
/// of, which may not be the one that its record names.
pub(super) fn part(subject: &Subject<'_>, source_name: &str) -> Part {
    Package {
        manager: subject.source,
        name: subject.name,
        version: subject.version,
        release: subject.release,
        source_name,
    }
    .part()
}

/// Whether a subject is a kernel that is installed and does not run.
///
/// The word of the host is taken for kernels alone: else a host could make a program of any kind
/// disappear from its company's findings by a mark.
pub(super) fn is_dormant(subject: &Subject<'_>) -> bool {
    subject.running == Some(false) && part(subject, "") == Part::Image
}
