"""The names of the steps that a claim's work consists of, beside those of the Git writer.

A function may be killed at the beginning of each: the suite that does so takes its list from `shared.kinds`.
"""

from typing import Final

READ: Final = "Read"
ADMIT: Final = "Admit"
HOLD: Final = "Hold"
RESOLVE: Final = "Resolve"
PROVIDE: Final = "Provide"
CREATE: Final = "Create"
PUBLISH: Final = "Publish"
DEPLOY: Final = "Deploy"
WITHDRAW: Final = "Withdraw"
REGISTER: Final = "Register"
RELEASE: Final = "Release"
RECORD: Final = "Record"
TELL: Final = "Tell"
