"""Limits an emulated Lambda worker to what it can import on AWS: the layers, and the runtime's boto3.

It is on the PYTHONPATH of the emulator, whose workers share its interpreter. Without it, a package that only the
emulator has would hide a dependency that is missing from the layer.
"""

import os
import sys

IS_WORKER = "_LAMBDA_FUNCTION_ARN" in os.environ and "AWS_LAMBDA_FUNCTION_NAME" in os.environ

if IS_WORKER or "IS_WORKER_TEMPLATE" in os.environ:
    sys.path[:] = [entry for entry in sys.path if "site-packages" not in entry and not entry.endswith("runtime_shim")]
    sys.path.append(os.environ["LOCAL_RUNTIME_DIR"])
