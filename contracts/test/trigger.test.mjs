// SPDX-License-Identifier: Apache-2.0
// Trigger: the logs nodes watch, one by one and in bulk.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeAbiParameters, encodeAbiParameters, parseEventLogs } from 'viem';
import { assertReverts, deploy, read, send, startChain } from './support/chain.mjs';
import { OWNER, STRANGER } from './support/keys.mjs';

const NEW_TRIGGER_TOPIC = '0x86eacd23610d81706516de1ed0476c87772fdf939c7c771fbbd7f0230d619e68';
const INFO_TUPLE = {
  type: 'tuple',
  components: [
    { name: 'triggerId', type: 'uint64' },
    { name: 'creator', type: 'address' },
    { name: 'data', type: 'bytes' },
  ],
};

let chain;
before(async () => {
  chain = await startChain();
});
after(() => chain.stop());

function triggersIn(trigger, receipt) {
  return parseEventLogs({ abi: trigger.abi, logs: receipt.logs, eventName: 'NewTrigger' }).map(
    ({ args }) => decodeAbiParameters([INFO_TUPLE], args.triggerInfo)[0],
  );
}

test('the log of a trigger is byte for byte the one nodes know', async () => {
  const trigger = await deploy(chain, 'Trigger');
  const receipt = await send(chain, OWNER, trigger, 'addTrigger', ['0x68656c6c6f']);
  const info = encodeAbiParameters([INFO_TUPLE], [{ triggerId: 1n, creator: OWNER.address, data: '0x68656c6c6f' }]);
  assert.equal(receipt.logs.length, 1);
  assert.deepEqual(receipt.logs[0].topics, [NEW_TRIGGER_TOPIC]);
  assert.equal(receipt.logs[0].data, encodeAbiParameters([{ type: 'bytes' }], [info]));
  assert.equal(
    receipt.logs[0].data,
    '0x000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000c000000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000001000000000000000000000000f39fd6e51aad88f6f4ce6ab8827279cfffb922660000000000000000000000000000000000000000000000000000000000000060000000000000000000000000000000000000000000000000000000000000000568656c6c6f000000000000000000000000000000000000000000000000000000',
  );
});

test('ids count from one across creators, and each trigger is readable', async () => {
  const trigger = await deploy(chain, 'Trigger');
  await send(chain, OWNER, trigger, 'addTrigger', ['0xaa']);
  await send(chain, STRANGER, trigger, 'addTrigger', ['0x']);
  assert.equal(await read(chain, trigger, 'getLastTriggerId'), 2n);
  assert.deepEqual(await read(chain, trigger, 'getTrigger', [1n]), { triggerId: 1n, creator: OWNER.address, data: '0xaa' });
  assert.deepEqual(await read(chain, trigger, 'getTrigger', [2n]), { triggerId: 2n, creator: STRANGER.address, data: '0x' });
});

test('an unknown trigger is refused by name', async () => {
  const trigger = await deploy(chain, 'Trigger');
  for (const id of [0n, 1n]) await assertReverts(read(chain, trigger, 'getTrigger', [id]), 'InvalidTriggerId', [id]);
});

test('addTriggers emits one log per item in order', async () => {
  const trigger = await deploy(chain, 'Trigger');
  const items = ['0x01', '0x', `0x${'ab'.repeat(1000)}`];
  const receipt = await send(chain, OWNER, trigger, 'addTriggers', [items]);
  assert.deepEqual(
    triggersIn(trigger, receipt),
    items.map((data, index) => ({ triggerId: BigInt(index + 1), creator: OWNER.address, data })),
  );
  assert.deepEqual(receipt.logs.map((log) => log.logIndex), [0, 1, 2]);
});

test('addTriggerCount puts many triggers into one transaction', async () => {
  const trigger = await deploy(chain, 'Trigger');
  await send(chain, OWNER, trigger, 'addTrigger', ['0x']);
  const receipt = await send(chain, OWNER, trigger, 'addTriggerCount', ['0x7b7d', 200n]);
  const expected = Array.from({ length: 200 }, (_, index) => BigInt(index + 2));
  const triggers = triggersIn(trigger, receipt);
  assert.deepEqual(triggers.map((info) => info.triggerId), expected);
  assert.ok(triggers.every((info) => info.data === '0x7b7d'));
});

test('empty bulk calls emit nothing', async () => {
  const trigger = await deploy(chain, 'Trigger');
  const none = await send(chain, OWNER, trigger, 'addTriggers', [[]]);
  const zero = await send(chain, OWNER, trigger, 'addTriggerCount', ['0x01', 0n]);
  assert.deepEqual([...none.logs, ...zero.logs], []);
  assert.equal(await read(chain, trigger, 'getLastTriggerId'), 0n);
});

test('addTriggerWithSpam hides the trigger behind other logs', async () => {
  const trigger = await deploy(chain, 'Trigger');
  const receipt = await send(chain, OWNER, trigger, 'addTriggerWithSpam', ['0x01', 300n]);
  const events = parseEventLogs({ abi: trigger.abi, logs: receipt.logs });
  assert.equal(events.length, 301);
  assert.ok(events.slice(0, 300).every((event, index) => event.eventName === 'Spam' && event.args.index === BigInt(index)));
  assert.equal(events[300].eventName, 'NewTrigger');
  assert.equal(events[300].logIndex, 300);
});
