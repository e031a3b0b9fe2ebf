# SPDX-License-Identifier: Apache-2.0
"""The echo component in Python: gives back the bytes of a raw trigger. For tests of components that are too big for the
engine's pool."""

from componentize_py_types import Err
from wit_world import WitWorld as World
from wit_world.imports.events import TriggerData_Raw
from wit_world.imports.output import WasmResponse


class WitWorld(World):
    def run(self, trigger_action):
        data = trigger_action.data
        if not isinstance(data, TriggerData_Raw):
            raise Err("only raw trigger data is echoed")
        return [WasmResponse(payload=bytes(data.value), ordering=None, event_id_salt=None)]
