"""Why a file leaves the set, or is flagged: one file a rule. A rule sees a batch of files and answers with reason codes."""
