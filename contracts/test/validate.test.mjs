// SPDX-License-Identifier: Apache-2.0
// PoaServiceManager.validate: what passes, and the exact error of everything that does not.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { concat, hexToBigInt, keccak256, numberToHex, pad, parseSignature, size, slice } from 'viem';
import { serializeSignature, sign } from 'viem/accounts';
import { assertReverts, closeBlock, deploy, read, send, startChain } from './support/chain.mjs';
import { ENVELOPE_V1, OPERATORS, OWNER, SIGNERS, STRANGER, envelopeHash, signedBy } from './support/keys.mjs';
import { addOperator, newService, setSigningKey } from './support/service.mjs';

const LATEST = 0xffffffff;
const GROUP_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

let chain;
before(async () => {
  chain = await startChain();
});
after(() => chain.stop());

function validate(manager, signatureData, options) {
  return read(chain, manager, 'validate', [ENVELOPE_V1, signatureData], options);
}

/** The signatures of `signers`, the first one replaced. */
async function withFirstSignature(signers, referenceBlock, change) {
  const data = await signedBy(ENVELOPE_V1, signers, referenceBlock);
  return { ...data, signatures: [await change(data.signatures[0]), ...data.signatures.slice(1)] };
}

test('two of three operators pass a quorum of 2/3', async () => {
  const { manager, referenceBlock } = await newService(chain);
  await validate(manager, await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), referenceBlock));
});

test('all operators pass a quorum of 1/1', async () => {
  const { manager, referenceBlock } = await newService(chain, { quorum: [1n, 1n] });
  await validate(manager, await signedBy(ENVELOPE_V1, SIGNERS, referenceBlock));
});

test('an unregistered signer is refused even beside a quorum', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const signers = [...SIGNERS, STRANGER].sort((a, b) => (a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1));
  await assertReverts(validate(manager, await signedBy(ENVELOPE_V1, signers, referenceBlock)), 'SignerNotRegistered');
});

test('an operator address is not a signer: only its signing key is', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const data = await signedBy(ENVELOPE_V1, [OPERATORS[0]], referenceBlock);
  await assertReverts(validate(manager, data), 'SignerNotRegistered');
});

test('unsorted signers are refused', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const data = await signedBy(ENVELOPE_V1, [SIGNERS[1], SIGNERS[0]], referenceBlock);
  await assertReverts(validate(manager, data), 'NotSorted');
});

test('a duplicate signer is refused', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const data = await signedBy(ENVELOPE_V1, [SIGNERS[0], SIGNERS[0]], referenceBlock);
  await assertReverts(validate(manager, data), 'NotSorted');
});

test('one weight short names the real threshold weight, rounded up', async () => {
  const { manager, referenceBlock } = await newService(chain, { weights: [100n, 100n, 101n] });
  const data = await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), referenceBlock);
  await assertReverts(validate(manager, data), 'InsufficientQuorum', [200n, 201n, 301n]);
});

test('a single operator of three is told the weight that is missing', async () => {
  const { manager, referenceBlock } = await newService(chain, { weights: [10000n, 10000n, 10000n] });
  const data = await signedBy(ENVELOPE_V1, [SIGNERS[2]], referenceBlock);
  await assertReverts(validate(manager, data), 'InsufficientQuorum', [10000n, 20000n, 30000n]);
});

test('a quorum share without the stake threshold is refused, and passes at exactly the threshold', async () => {
  const short = await newService(chain, { threshold: 201n });
  await assertReverts(
    validate(short.manager, await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), short.referenceBlock)),
    'InsufficientSignedStake',
  );
  const exact = await newService(chain, { threshold: 200n });
  await validate(exact.manager, await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), exact.referenceBlock));
});

test('a total weight of zero is refused by name', async () => {
  const { manager } = await newService(chain, { weights: [100n], threshold: 0n });
  await send(chain, OWNER, manager, 'updateOperatorWeight', [OPERATORS[0].address, 0n]);
  const data = await signedBy(ENVELOPE_V1, [SIGNERS[0]], await closeBlock(chain));
  await assertReverts(validate(manager, data), 'InsufficientQuorumZero');
});

test('a suspended operator adds nothing, not even under a threshold of zero', async () => {
  const { manager } = await newService(chain, { threshold: 0n });
  await send(chain, OWNER, manager, 'updateOperatorWeight', [OPERATORS[0].address, 0n]);
  const data = await signedBy(ENVELOPE_V1, [SIGNERS[0]], await closeBlock(chain));
  await assertReverts(validate(manager, data), 'InsufficientQuorum', [0n, 134n, 200n]);
});

test('more signed weight than the total is refused', async () => {
  const { manager, referenceBlock } = await newService(chain, { weights: [100n] });
  await lowerStoredTotal(manager, 100n, 99n);
  const data = await signedBy(ENVELOPE_V1, [SIGNERS[0]], referenceBlock);
  await assertReverts(validate(manager, data), 'InvalidSignedWeight');
});

/** No call leads to a wrong total, so the only point of the total's history is changed in storage. */
async function lowerStoredTotal(manager, from, to) {
  for (let slot = 0; slot < 16; ++slot) {
    const first = keccak256(pad(numberToHex(slot), { size: 32 }));
    const word = await chain.publicClient.getStorageAt({ address: manager.address, slot: first });
    const low = slice(word, 28);
    if (hexToBigInt(word) >> 32n !== from) continue;
    const value = concat([numberToHex(to, { size: 28 }), low]);
    await chain.testClient.setStorageAt({ address: manager.address, index: first, value });
    assert.equal(await read(chain, manager, 'getLastCheckpointTotalWeight'), to);
    return;
  }
  assert.fail('the total weight was not found in storage');
}

test('a signature by another key is refused', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const data = await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), referenceBlock);
  await assertReverts(
    validate(manager, { ...data, signatures: [data.signatures[1], data.signatures[0]] }),
    'InvalidSignature',
  );
});

test('a signature over another envelope is refused, for each field', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const data = await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), referenceBlock);
  const changes = [
    { eventId: '0xa6fc5f71e2995f593bca8ff15ecefcfcf2e8793e' },
    { ordering: '0x000000000000000700000000' },
    { payload: '0xdeadbeee' },
  ];
  for (const change of changes) {
    const call = read(chain, manager, 'validate', [{ ...ENVELOPE_V1, ...change }, data]);
    await assertReverts(call, 'InvalidSignature');
  }
});

test('a signature without the EIP-191 prefix is refused', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const data = await withFirstSignature(SIGNERS, referenceBlock, () =>
    sign({ hash: envelopeHash(ENVELOPE_V1), privateKey: SIGNERS[0].privateKey, to: 'hex' }),
  );
  await assertReverts(validate(manager, data), 'InvalidSignature');
});

test('the high-s twin of a valid signature is refused', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const data = await withFirstSignature(SIGNERS, referenceBlock, (signature) => {
    const { r, s, v } = parseSignature(signature);
    return serializeSignature({ r, s: numberToHex(GROUP_ORDER - hexToBigInt(s), { size: 32 }), v: 55n - v });
  });
  await assertReverts(validate(manager, data), 'InvalidSignature');
});

test('every v but the right one is refused', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const [signature] = (await signedBy(ENVELOPE_V1, SIGNERS, referenceBlock)).signatures;
  const right = Number(slice(signature, 64));
  for (const v of [0, 1, 26, 27, 28, 29, 37, 255].filter((value) => value !== right)) {
    const data = await withFirstSignature(SIGNERS, referenceBlock, () =>
      concat([slice(signature, 0, 64), numberToHex(v, { size: 1 })]),
    );
    await assertReverts(validate(manager, data), 'InvalidSignature');
  }
});

test('a signature of any other length is refused', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const [signature] = (await signedBy(ENVELOPE_V1, SIGNERS, referenceBlock)).signatures;
  for (const bytes of ['0x', slice(signature, 0, 64), concat([signature, '0x00'])]) {
    assert.notEqual(size(bytes), 65);
    const data = await withFirstSignature(SIGNERS, referenceBlock, () => bytes);
    await assertReverts(validate(manager, data), 'InvalidSignature');
  }
});

test('a signature whose recovery fails does not pass for anyone', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const zeros = concat([pad('0x', { size: 64 }), '0x1b']);
  const data = await withFirstSignature(SIGNERS, referenceBlock, () => zeros);
  await assertReverts(validate(manager, data), 'InvalidSignature');
  const nobody = { signers: [pad('0x', { size: 20 })], signatures: [zeros], referenceBlock };
  await assertReverts(validate(manager, nobody), 'SignerNotRegistered');
});

test('the reference block must be over', async () => {
  const { manager } = await newService(chain);
  const head = await chain.publicClient.getBlockNumber();
  const at = (offset) => signedBy(ENVELOPE_V1, SIGNERS, Number(head) + offset);
  await assertReverts(validate(manager, await at(0), { blockNumber: head }), 'InvalidReferenceBlock');
  await assertReverts(validate(manager, await at(1), { blockNumber: head }), 'InvalidReferenceBlock');
  await assertReverts(validate(manager, await at(1000), { blockNumber: head }), 'InvalidReferenceBlock');
  await validate(manager, await at(-1), { blockNumber: head });
});

test('the latest mark reads the values of now', async () => {
  const { manager } = await newService(chain);
  const data = await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), LATEST);
  await validate(manager, data);
  await send(chain, OWNER, manager, 'updateOperatorWeight', [OPERATORS[2].address, 1000n]);
  await assertReverts(validate(manager, data), 'InsufficientQuorum', [200n, 800n, 1200n]);
});

test('signers and signatures must be equally many', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const data = await signedBy(ENVELOPE_V1, SIGNERS, referenceBlock);
  await assertReverts(validate(manager, { ...data, signatures: data.signatures.slice(1) }), 'LengthMismatch');
  await assertReverts(validate(manager, { ...data, signers: data.signers.slice(1) }), 'LengthMismatch');
  await assertReverts(validate(manager, { ...data, signers: [] }), 'LengthMismatch');
});

test('no signature at all is refused', async () => {
  const { manager, referenceBlock } = await newService(chain);
  await assertReverts(validate(manager, { signers: [], signatures: [], referenceBlock }), 'InvalidLength');
});

test('an operator counts only from the block it got its signing key in', async () => {
  const { manager } = await newService(chain, { weights: [100n] });
  await send(chain, OWNER, manager, 'registerOperator', [OPERATORS[1].address, 100n]);
  const { blockNumber } = await setSigningKey(chain, manager, OPERATORS[1], SIGNERS[1]);
  await closeBlock(chain);
  const keyBlock = Number(blockNumber);
  const both = (referenceBlock) => signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), referenceBlock);
  await assertReverts(validate(manager, await both(keyBlock - 1)), 'SignerNotRegistered');
  await validate(manager, await both(keyBlock));
});

test('a new operator weighs in the total from its own block on, not before', async () => {
  const { manager } = await newService(chain, { weights: [100n] });
  const receipt = await send(chain, OWNER, manager, 'registerOperator', [OPERATORS[1].address, 200n]);
  await closeBlock(chain);
  const registeredIn = Number(receipt.blockNumber);
  await validate(manager, await signedBy(ENVELOPE_V1, [SIGNERS[0]], registeredIn - 1));
  const after = await signedBy(ENVELOPE_V1, [SIGNERS[0]], registeredIn);
  await assertReverts(validate(manager, after), 'InsufficientQuorum', [100n, 200n, 300n]);
});

test('a later weight change does not alter the answer at an older block', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const before = await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), referenceBlock);
  await send(chain, OWNER, manager, 'updateOperatorWeight', [OPERATORS[2].address, 1000n]);
  const changed = await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), await closeBlock(chain));
  await validate(manager, before);
  await assertReverts(validate(manager, changed), 'InsufficientQuorum', [200n, 800n, 1200n]);
});

test('quorum and threshold are read at the reference block', async () => {
  const { manager, referenceBlock } = await newService(chain);
  const sign = (block) => signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), block);
  await send(chain, OWNER, manager, 'updateQuorum', [1n, 1n]);
  const unanimous = await closeBlock(chain);
  await send(chain, OWNER, manager, 'updateStakeThreshold', [250n]);
  const raised = await closeBlock(chain);
  await validate(manager, await sign(referenceBlock));
  await assertReverts(validate(manager, await sign(unanimous)), 'InsufficientQuorum', [200n, 300n, 300n]);
  await assertReverts(validate(manager, await sign(raised)), 'InsufficientSignedStake');
});

test('a replaced signing key is valid before the change only, the new one after it only', async () => {
  const { manager, referenceBlock } = await newService(chain, { weights: [100n] });
  await setSigningKey(chain, manager, OPERATORS[0], SIGNERS[2]);
  const changed = await closeBlock(chain);
  await validate(manager, await signedBy(ENVELOPE_V1, [SIGNERS[0]], referenceBlock));
  await validate(manager, await signedBy(ENVELOPE_V1, [SIGNERS[2]], changed));
  for (const [signer, block] of [[SIGNERS[0], changed], [SIGNERS[2], referenceBlock]]) {
    await assertReverts(validate(manager, await signedBy(ENVELOPE_V1, [signer], block)), 'SignerNotRegistered');
  }
});

test('a deregistered operator is unknown from that block on', async () => {
  const { manager, referenceBlock } = await newService(chain);
  await send(chain, OWNER, manager, 'deregisterOperator', [OPERATORS[0].address]);
  const removed = await closeBlock(chain);
  await validate(manager, await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), referenceBlock));
  await assertReverts(
    validate(manager, await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), removed)),
    'SignerNotRegistered',
  );
  await validate(manager, await signedBy(ENVELOPE_V1, SIGNERS.slice(1), removed));
});

test('before the first operator every signer is unknown', async () => {
  const manager = await deploy(chain, 'PoaServiceManager', [OWNER.address, 1n, 2n, 3n]);
  const empty = await closeBlock(chain);
  await addOperator(chain, manager, 0, 100n);
  await closeBlock(chain);
  const data = await signedBy(ENVELOPE_V1, [SIGNERS[0]], empty);
  await assertReverts(validate(manager, data), 'SignerNotRegistered');
});

test('the largest weights and quorum parts do not overflow', async () => {
  const part = 2n ** 112n - 1n;
  const { manager, referenceBlock } = await newService(chain, {
    weights: [2n ** 127n, 2n ** 127n - 1n],
    quorum: [part, part],
  });
  await validate(manager, await signedBy(ENVELOPE_V1, SIGNERS.slice(0, 2), referenceBlock));
  const total = 2n ** 128n - 1n;
  const data = await signedBy(ENVELOPE_V1, [SIGNERS[0]], referenceBlock);
  await assertReverts(validate(manager, data), 'InsufficientQuorum', [2n ** 127n, total, total]);
});
