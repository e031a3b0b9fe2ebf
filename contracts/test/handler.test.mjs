// SPDX-License-Identifier: Apache-2.0
// ServiceHandler: accepts a result once, on the word of its manager only.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { concat, encodeAbiParameters, numberToHex, parseEventLogs, slice } from 'viem';
import { artifact, assertDeployReverts, assertReverts, attempt, deploy, read, send, startChain } from './support/chain.mjs';
import { SIGNERS, STRANGER, signedBy } from './support/keys.mjs';
import { newService } from './support/service.mjs';

const RESULT_TUPLE = { type: 'tuple', components: [{ type: 'uint64' }, { type: 'bytes' }] };
const managerErrors = artifact('PoaServiceManager').abi.filter((item) => item.type === 'error');

let chain;
before(async () => {
  chain = await startChain();
});
after(() => chain.stop());

function encodeResult(triggerId, data) {
  return encodeAbiParameters([RESULT_TUPLE], [[triggerId, data]]);
}

function envelopeOf(eventNumber, payload) {
  return { eventId: numberToHex(eventNumber, { size: 20 }), ordering: numberToHex(0, { size: 12 }), payload };
}

/** The handler's ABI with the manager's errors, since these come through it unchanged. */
async function newHandler(options) {
  const { manager, referenceBlock } = await newService(chain, options);
  const { address, abi } = await deploy(chain, 'ServiceHandler', [manager.address]);
  const handler = { address, abi: [...abi, ...managerErrors] };
  return { manager, handler, referenceBlock };
}

test('a signed result is stored, readable and announced', async () => {
  const { handler, manager, referenceBlock } = await newHandler();
  const envelope = envelopeOf(1, encodeResult(7n, '0x68656c6c6f'));
  const signatureData = await signedBy(envelope, SIGNERS.slice(0, 2), referenceBlock);
  const receipt = await send(chain, STRANGER, handler, 'handleSignedEnvelope', [envelope, signatureData]);

  const [event] = parseEventLogs({ abi: handler.abi, logs: receipt.logs });
  assert.equal(event.eventName, 'EnvelopeHandled');
  assert.deepEqual(event.args, { eventId: envelope.eventId, triggerId: 7n, data: '0x68656c6c6f' });
  assert.equal(await read(chain, handler, 'getServiceManager'), manager.address);
  assert.equal(await read(chain, handler, 'isHandled', [envelope.eventId]), true);
  assert.equal(await read(chain, handler, 'isValidTriggerId', [7n]), true);
  assert.equal(await read(chain, handler, 'getData', [7n]), '0x68656c6c6f');
  assert.deepEqual(await read(chain, handler, 'getSignedData', [7n]), { data: '0x68656c6c6f', signatureData });
  assert.equal(await read(chain, handler, 'getHandledCount'), 1n);
});

test('nothing is known before the first result', async () => {
  const { handler } = await newHandler();
  assert.equal(await read(chain, handler, 'isValidTriggerId', [7n]), false);
  assert.equal(await read(chain, handler, 'isHandled', [numberToHex(1, { size: 20 })]), false);
  assert.equal(await read(chain, handler, 'getHandledCount'), 0n);
  await assertReverts(read(chain, handler, 'getData', [7n]), 'InvalidTriggerId', [7n]);
  await assertReverts(read(chain, handler, 'getSignedData', [7n]), 'InvalidTriggerId', [7n]);
});

test('an event is handled once, also when other signers bring it', async () => {
  const { handler, referenceBlock } = await newHandler();
  const envelope = envelopeOf(2, encodeResult(7n, '0x01'));
  const first = await signedBy(envelope, SIGNERS.slice(0, 2), referenceBlock);
  await send(chain, STRANGER, handler, 'handleSignedEnvelope', [envelope, first]);
  for (const signers of [SIGNERS.slice(0, 2), SIGNERS]) {
    const again = await signedBy(envelope, signers, referenceBlock);
    const call = attempt(chain, STRANGER, handler, 'handleSignedEnvelope', [envelope, again]);
    await assertReverts(call, 'EventAlreadyHandled', [envelope.eventId]);
  }
  assert.equal(await read(chain, handler, 'getHandledCount'), 1n);
});

test('a handled event id stays handled under another payload', async () => {
  const { handler, referenceBlock } = await newHandler();
  const envelope = envelopeOf(3, encodeResult(7n, '0x01'));
  const other = envelopeOf(3, encodeResult(8n, '0x02'));
  const data = await signedBy(envelope, SIGNERS, referenceBlock);
  await send(chain, STRANGER, handler, 'handleSignedEnvelope', [envelope, data]);
  const call = attempt(chain, STRANGER, handler, 'handleSignedEnvelope', [
    other,
    await signedBy(other, SIGNERS, referenceBlock),
  ]);
  await assertReverts(call, 'EventAlreadyHandled', [envelope.eventId]);
});

test('an undecodable payload is refused although the quorum signed it', async () => {
  const { handler, referenceBlock } = await newHandler();
  const good = encodeResult(7n, '0x0102');
  const word = (value) => numberToHex(value, { size: 32 });
  const payloads = {
    empty: '0x',
    short: '0xdeadbeef',
    'cut off': slice(good, 0, 96),
    'two values without the tuple offset': encodeAbiParameters([{ type: 'uint64' }, { type: 'bytes' }], [7n, '0x0102']),
    'trigger id above 64 bits': concat([word(0x20), word(2n ** 64n), slice(good, 64)]),
    'data offset outside': concat([slice(good, 0, 64), word(2n ** 255n), slice(good, 96)]),
    'data length outside': concat([slice(good, 0, 96), word(2n ** 32n), slice(good, 128)]),
  };
  for (const payload of Object.values(payloads)) {
    const envelope = envelopeOf(4, payload);
    const data = await signedBy(envelope, SIGNERS, referenceBlock);
    const call = attempt(chain, STRANGER, handler, 'handleSignedEnvelope', [envelope, data]);
    await assertReverts(call, 'UndecodablePayload');
  }
});

test('an insufficient quorum comes through with its numbers', async () => {
  const { handler, referenceBlock } = await newHandler({ weights: [10000n, 10000n, 10000n] });
  const envelope = envelopeOf(5, encodeResult(7n, '0x01'));
  const data = await signedBy(envelope, [SIGNERS[0]], referenceBlock);
  const call = attempt(chain, STRANGER, handler, 'handleSignedEnvelope', [envelope, data]);
  await assertReverts(call, 'InsufficientQuorum', [10000n, 20000n, 30000n]);
});

test('every other refusal of the manager comes through', async () => {
  const { handler, referenceBlock } = await newHandler();
  const envelope = envelopeOf(6, encodeResult(7n, '0x01'));
  const refuses = async (data, error) =>
    assertReverts(attempt(chain, STRANGER, handler, 'handleSignedEnvelope', [envelope, data]), error);
  await refuses(await signedBy(envelope, [STRANGER], referenceBlock), 'SignerNotRegistered');
  await refuses(await signedBy(envelope, [SIGNERS[1], SIGNERS[0]], referenceBlock), 'NotSorted');
  await refuses(await signedBy(envelopeOf(7, '0x'), SIGNERS, referenceBlock), 'InvalidSignature');
  await refuses(await signedBy(envelope, SIGNERS, referenceBlock + 1000), 'InvalidReferenceBlock');
});

test('a later event for the same trigger replaces the result and its signatures', async () => {
  const { handler, referenceBlock } = await newHandler();
  const first = envelopeOf(8, encodeResult(1337n, `0x${'aa'.repeat(100)}`));
  const second = envelopeOf(9, encodeResult(1337n, '0xbb'));
  const firstData = await signedBy(first, SIGNERS, referenceBlock);
  const secondData = await signedBy(second, SIGNERS.slice(1), referenceBlock);
  await send(chain, STRANGER, handler, 'handleSignedEnvelope', [first, firstData]);
  await send(chain, STRANGER, handler, 'handleSignedEnvelope', [second, secondData]);
  assert.deepEqual(await read(chain, handler, 'getSignedData', [1337n]), { data: '0xbb', signatureData: secondData });
  assert.equal(await read(chain, handler, 'getHandledCount'), 2n);
});

test('an empty result is a result', async () => {
  const { handler, referenceBlock } = await newHandler();
  const envelope = envelopeOf(10, encodeResult(0n, '0x'));
  const data = await signedBy(envelope, SIGNERS, referenceBlock);
  await send(chain, STRANGER, handler, 'handleSignedEnvelope', [envelope, data]);
  assert.equal(await read(chain, handler, 'isValidTriggerId', [0n]), true);
  assert.equal(await read(chain, handler, 'getData', [0n]), '0x');
});

test('a manager without code is refused at deployment', async () => {
  await assertDeployReverts(chain, 'ServiceHandler', [STRANGER.address], 'InvalidServiceManager', [STRANGER.address]);
});

test('a manager that lost its code accepts nothing', async () => {
  const { handler, manager, referenceBlock } = await newHandler();
  await chain.testClient.setCode({ address: manager.address, bytecode: '0x' });
  const envelope = envelopeOf(11, encodeResult(7n, '0x01'));
  const data = await signedBy(envelope, SIGNERS, referenceBlock);
  await assert.rejects(attempt(chain, STRANGER, handler, 'handleSignedEnvelope', [envelope, data]), /revert/);
});
