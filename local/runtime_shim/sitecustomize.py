"""Makes an emulated Lambda worker see what AWS would show it: the layers, and the runtime's boto3.

It stands on the PYTHONPATH of the emulator, whose workers share its interpreter; without it a
package that only the emulator has would hide a dependency that the layer forgot.
"""

import os
import sys

IS_WORKER = "_LAMBDA_FUNCTION_ARN" in os.environ and "AWS_LAMBDA_FUNCTION_NAME" in os.environ

if IS_WORKER:
    sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry and not entry.endswith("runtime_shim")]
    sys.path.append(os.environ["LOCAL_RUNTIME_DIR"])
