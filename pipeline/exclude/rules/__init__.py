"""Why a file leaves the set, or is flagged: one file a rule. A rule sees all files at once and answers with reason codes."""
