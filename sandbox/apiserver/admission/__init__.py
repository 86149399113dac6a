"""ValidatingAdmissionPolicies: what an administrator's CEL expressions say about a change before it is stored."""
