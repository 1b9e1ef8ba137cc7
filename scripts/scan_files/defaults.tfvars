# Checkov reads source without terraform, and does not know what an optional attribute is when
# nobody sets it (a test compares).
function = { tracing = true }
table    = { point_in_time_recovery = true }
