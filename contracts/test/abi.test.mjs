// SPDX-License-Identifier: Apache-2.0
// The byte-level agreement with nodes: selectors, topics, digests and calldata. No chain needed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFunctionData, keccak256, size, toEventSelector, toFunctionSelector } from 'viem';
import { formatAbiItem } from 'viem/utils';
import { staleArtifacts } from '../build.mjs';
import { artifact } from './support/chain.mjs';
import { ENVELOPE_V1, envelopeDigest, envelopeHash, keyAt, possessionHash, signEnvelope, signedBy } from './support/keys.mjs';

const abis = {
  PoaServiceManager: artifact('PoaServiceManager').abi,
  ServiceHandler: artifact('ServiceHandler').abi,
  Trigger: artifact('Trigger').abi,
};

const ENVELOPE = '(bytes20,bytes12,bytes)';
const SIGNATURES = '(address[],bytes[],uint32)';

const FUNCTIONS = {
  PoaServiceManager: {
    [`validate(${ENVELOPE},${SIGNATURES})`]: '0xcd71589e',
    'getServiceURI()': '0xcc922c6a',
    'setServiceURI(string)': '0x5f11301b',
    'getOperatorWeight(address)': '0x98ec1ac9',
    'getLatestOperatorForSigningKey(address)': '0xac7cbfd9',
    'getAllocationManager()': '0xa28efd6b',
    'getDelegationManager()': '0xb24e5a3a',
    'getStakeRegistry()': '0xbef4c839',
    'registerOperator(address,uint256)': '0xc788c520',
    'deregisterOperator(address)': '0xd8cf98ca',
    'updateOperatorWeight(address,uint256)': '0xdec24b18',
    'updateStakeThreshold(uint256)': '0x5ef53329',
    'updateQuorum(uint256,uint256)': '0x530c74c0',
    'updateOperatorSigningKey(address,bytes)': '0x6dc7458d',
    'getLatestOperatorSigningKey(address)': '0xa2ce5fd1',
    'getLastCheckpointTotalWeight()': '0x314f3a49',
    'getLastCheckpointThresholdWeight()': '0xb933fa74',
    'getLastCheckpointQuorum()': '0x7d39f06d',
    'operatorRegistered(address)': '0xec7fbb31',
  },
  ServiceHandler: {
    [`handleSignedEnvelope(${ENVELOPE},${SIGNATURES})`]: '0xf969ff33',
    'getServiceManager()': '0x4dda0b43',
  },
};

const ERRORS = {
  'InvalidSignatureLength()': '0x4be6321b',
  'InvalidSignatureBlock()': '0x898deb1d',
  'InvalidSignatureOrder()': '0x139f3c92',
  'InvalidSignature()': '0x8baa579f',
  'InsufficientQuorumZero()': '0x2f41f79b',
  'InsufficientQuorum(uint256,uint256,uint256)': '0x86b16091',
  'InvalidQuorumParameters()': '0xcc0d6871',
  'SignerNotRegistered()': '0x3dda1739',
  'InsufficientSignedStake()': '0xe121632f',
  'NotSorted()': '0xba50f911',
  'LengthMismatch()': '0xff633a38',
  'InvalidLength()': '0x947d5a84',
  'InvalidReferenceBlock()': '0xe64f180f',
  'InvalidSignedWeight()': '0x960b41ee',
  'OperatorNotRegistered()': '0x25ec6c1f',
  'OperatorAlreadyRegistered()': '0x42ee68b5',
  'SigningKeyAlreadyAssigned()': '0x29f11e76',
  'InvalidQuorum()': '0xd1735779',
  'InvalidWeight()': '0x585b9263',
  'InvalidAddressZero()': '0x10c748a6',
  'InvalidThresholdWeight()': '0xd349279d',
};

const TOPICS = {
  PoaServiceManager: {
    ServiceURIUpdated: '0xd2f056df94c31bdb3b4e16080f2ac6dbd4233c6001058d94afc3ad1242dff488',
    QuorumThresholdUpdated: '0xc33728fb6bc64ec1c5596c946e1406ccdfb7369404098c1d6a5f4a7a29c97b63',
    OperatorRegistered: '0x4d0eb1f4bac8744fd2be119845e23b3befc88094b42bcda1204c65694a00f9e5',
  },
  Trigger: { NewTrigger: '0x86eacd23610d81706516de1ed0476c87772fdf939c7c771fbbd7f0230d619e68' },
};

/** Signature -> selector of all items of one kind; an error is hashed exactly like a function. */
function selectors(abi, type) {
  const items = abi.filter((item) => item.type === type);
  return Object.fromEntries(items.map((item) => [formatAbiItem(item), toFunctionSelector(formatAbiItem(item))]));
}

test('functions have the selectors nodes call', () => {
  for (const [name, expected] of Object.entries(FUNCTIONS)) {
    const actual = selectors(abis[name], 'function');
    for (const [signature, selector] of Object.entries(expected)) assert.equal(actual[signature], selector, signature);
  }
});

test('the manager declares every known refusal with its selector', () => {
  const actual = selectors(abis.PoaServiceManager, 'error');
  for (const [signature, selector] of Object.entries(ERRORS)) assert.equal(actual[signature], selector, signature);
});

test('the unknown trigger error of handler and trigger has the known selector', () => {
  assert.equal(selectors(abis.ServiceHandler, 'error')['InvalidTriggerId(uint64)'], '0x5dfb0494');
  assert.equal(selectors(abis.Trigger, 'error')['InvalidTriggerId(uint64)'], '0x5dfb0494');
});

test('events have the topics nodes subscribe to', () => {
  for (const [name, expected] of Object.entries(TOPICS)) {
    for (const [event, topic] of Object.entries(expected)) {
      const item = abis[name].find((entry) => entry.type === 'event' && entry.name === event);
      assert.equal(toEventSelector(item), topic, event);
    }
  }
});

test('the service URI is not indexed, both quorum parts are', () => {
  const indexed = (name) =>
    abis.PoaServiceManager.find((item) => item.type === 'event' && item.name === name).inputs.map((input) => input.indexed);
  assert.deepEqual(indexed('ServiceURIUpdated'), [false]);
  assert.deepEqual(indexed('QuorumThresholdUpdated'), [true, true]);
});

test('the sample envelope has the known hash, digest and signatures', async () => {
  assert.equal(envelopeHash(ENVELOPE_V1), '0xae6b3e63fda3f9f6c15a8c6cdbc16e9e0db1878ea48c341c99117b99173f8b9e');
  assert.equal(envelopeDigest(ENVELOPE_V1), '0x7614406fc2a607412bc5d963f51228a28f67ffdcebd2f74a33c20aaf416c8f90');
  assert.equal(
    await signEnvelope(ENVELOPE_V1, keyAt(1)),
    '0x22c3be9b0cfbe79b606e62d19ffdcc4fc964872411c88d95864437f182775ab75277cdce025649e957f52426edcccd2cdf1a596e5644df18796044376b1fa8931b',
  );
  assert.equal(
    await signEnvelope(ENVELOPE_V1, keyAt(2)),
    '0xd775a49df1c3142f83849e82224e4e4b6065a48161dda724e4d18ed986ab22283d806ed3f25e4d20757163f31be75506f7c5ac74db8d3537e1b26e56490d14bb1b',
  );
});

test('the sample calldata is byte for byte the known one', async () => {
  const args = [ENVELOPE_V1, await signedBy(ENVELOPE_V1, [keyAt(2), keyAt(1)], 41)];
  const validate = encodeFunctionData({ abi: abis.PoaServiceManager, functionName: 'validate', args });
  const handle = encodeFunctionData({ abi: abis.ServiceHandler, functionName: 'handleSignedEnvelope', args });
  assert.equal(size(validate), 772);
  assert.equal(keccak256(validate), '0xd8fef8a8975cddcc17d99ead85629bfbb01dfd5bd6f5f207be215230dc5a108b');
  assert.equal(keccak256(handle), '0x1048a58c5f89569562902655623c41d87e47515749be5c7a36a730f843c41ea7');
});

test('the proof of possession signs the known message', () => {
  assert.equal(
    possessionHash(keyAt(1).address),
    '0x7ceb58780fb137bb02223b79c88bc6404f736f8bb4d1f0895d9884122804fb73',
  );
});

test('the committed artifacts are what the sources compile to', () => {
  assert.deepEqual(staleArtifacts(), []);
});
