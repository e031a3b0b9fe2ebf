// SPDX-License-Identifier: Apache-2.0
// PoaServiceManager as a registry: who may change what, and what readers see afterwards.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseEventLogs, zeroAddress } from 'viem';
import { sign } from 'viem/accounts';
import { assertDeployReverts, assertReverts, attempt, closeBlock, deploy, read, send, startChain } from './support/chain.mjs';
import { OPERATORS, OWNER, SIGNERS, STRANGER, possessionHash, provePossession } from './support/keys.mjs';
import { newService, setSigningKey } from './support/service.mjs';

const TOO_HEAVY = 2n ** 128n;

let chain;
before(async () => {
  chain = await startChain();
});
after(() => chain.stop());

function newManager() {
  return deploy(chain, 'PoaServiceManager', [OWNER.address, 100n, 2n, 3n]);
}

function eventsOf(contract, receipt) {
  return parseEventLogs({ abi: contract.abi, logs: receipt.logs }).map(({ eventName, args }) => [eventName, args]);
}

test('the constructor sets owner, threshold and quorum', async () => {
  const manager = await newManager();
  assert.equal(await read(chain, manager, 'owner'), OWNER.address);
  assert.equal(await read(chain, manager, 'getLastCheckpointThresholdWeight'), 100n);
  assert.deepEqual(await read(chain, manager, 'getLastCheckpointQuorum'), [2n, 3n]);
  assert.equal(await read(chain, manager, 'getLastCheckpointTotalWeight'), 0n);
  assert.equal(await read(chain, manager, 'getServiceURI'), '');
});

test('the constructor refuses what the owner could not set later', async () => {
  const refuses = (args, error) => assertDeployReverts(chain, 'PoaServiceManager', args, error);
  await refuses([zeroAddress, 100n, 2n, 3n], 'InvalidAddressZero');
  await refuses([OWNER.address, TOO_HEAVY, 2n, 3n], 'InvalidThresholdWeight');
  await refuses([OWNER.address, 100n, 4n, 3n], 'InvalidQuorum');
});

test('the manager is its own registry: the three other addresses are zero', async () => {
  const manager = await newManager();
  for (const name of ['getStakeRegistry', 'getAllocationManager', 'getDelegationManager']) {
    assert.equal(await read(chain, manager, name), zeroAddress, name);
  }
});

test('the owner sets the service URI and nodes hear of it', async () => {
  const manager = await newManager();
  const uri = 'http://localhost:8000/dev/services/00ff';
  const receipt = await send(chain, OWNER, manager, 'setServiceURI', [uri]);
  assert.deepEqual(eventsOf(manager, receipt), [['ServiceURIUpdated', { serviceURI: uri }]]);
  assert.equal(await read(chain, manager, 'getServiceURI'), uri);
});

test('a stranger may not set the service URI', async () => {
  const manager = await newManager();
  await assertReverts(attempt(chain, STRANGER, manager, 'setServiceURI', ['x']), 'NotOwner', [STRANGER.address]);
});

test('a stranger may not register an operator', async () => {
  const manager = await newManager();
  await assertReverts(
    attempt(chain, STRANGER, manager, 'registerOperator', [STRANGER.address, 1n]),
    'NotOwner',
    [STRANGER.address],
  );
});

test('every other owner call is closed to strangers and to operators', async () => {
  const { manager } = await newService(chain, { weights: [100n] });
  const calls = [
    ['deregisterOperator', [OPERATORS[0].address]],
    ['updateOperatorWeight', [OPERATORS[0].address, 1n]],
    ['updateStakeThreshold', [1n]],
    ['updateQuorum', [1n, 2n]],
    ['transferOwnership', [STRANGER.address]],
  ];
  for (const caller of [STRANGER, OPERATORS[0]]) {
    for (const [name, args] of calls) {
      await assertReverts(attempt(chain, caller, manager, name, args), 'NotOwner', [caller.address]);
    }
  }
});

test('ownership moves as a whole and never to nobody', async () => {
  const manager = await newManager();
  await assertReverts(attempt(chain, OWNER, manager, 'transferOwnership', [zeroAddress]), 'InvalidAddressZero');
  await send(chain, OWNER, manager, 'transferOwnership', [STRANGER.address]);
  assert.equal(await read(chain, manager, 'owner'), STRANGER.address);
  await assertReverts(attempt(chain, OWNER, manager, 'setServiceURI', ['x']), 'NotOwner', [OWNER.address]);
  await send(chain, STRANGER, manager, 'setServiceURI', ['x']);
});

test('registering emits the operator and moves weight and total', async () => {
  const manager = await newManager();
  const operator = OPERATORS[0].address;
  const receipt = await send(chain, OWNER, manager, 'registerOperator', [operator, 70n]);
  assert.deepEqual(eventsOf(manager, receipt), [
    ['OperatorRegistered', { operator }],
    ['OperatorWeightUpdated', { operator, oldWeight: 0n, newWeight: 70n }],
    ['TotalWeightUpdated', { oldWeight: 0n, newWeight: 70n }],
  ]);
  assert.equal(await read(chain, manager, 'operatorRegistered', [operator]), true);
  assert.equal(await read(chain, manager, 'getOperatorWeight', [operator]), 70n);
  assert.equal(await read(chain, manager, 'getLastCheckpointTotalWeight'), 70n);
  assert.equal(await read(chain, manager, 'getLatestOperatorSigningKey', [operator]), zeroAddress);
});

test('registering refuses a known operator, nobody, and weights out of range', async () => {
  const manager = await newManager();
  const [first, second] = OPERATORS.map((operator) => operator.address);
  const refuses = (args, error) => assertReverts(attempt(chain, OWNER, manager, 'registerOperator', args), error);
  await send(chain, OWNER, manager, 'registerOperator', [first, 1n]);
  await refuses([first, 1n], 'OperatorAlreadyRegistered');
  await refuses([zeroAddress, 1n], 'InvalidAddressZero');
  await refuses([second, 0n], 'InvalidWeight');
  await refuses([second, TOO_HEAVY - 1n], 'InvalidWeight');
  await refuses([second, 2n ** 256n - 1n], 'InvalidWeight');
});

test('calls about an unknown operator are refused', async () => {
  const manager = await newManager();
  const unknown = OPERATORS[0].address;
  const refuses = (name, args) => assertReverts(attempt(chain, OWNER, manager, name, args), 'OperatorNotRegistered');
  await refuses('deregisterOperator', [unknown]);
  await refuses('updateOperatorWeight', [unknown, 1n]);
});

test('deregistering frees weight and signing key, and the operator can come back', async () => {
  const { manager } = await newService(chain, { weights: [100n, 50n] });
  const operator = OPERATORS[0].address;
  const receipt = await send(chain, OWNER, manager, 'deregisterOperator', [operator]);
  assert.deepEqual(eventsOf(manager, receipt), [
    ['OperatorWeightUpdated', { operator, oldWeight: 100n, newWeight: 0n }],
    ['TotalWeightUpdated', { oldWeight: 150n, newWeight: 50n }],
    ['SigningKeyUpdated', { operator, newSigningKey: zeroAddress, oldSigningKey: SIGNERS[0].address }],
    ['OperatorDeregistered', { operator }],
  ]);
  assert.equal(await read(chain, manager, 'operatorRegistered', [operator]), false);
  assert.equal(await read(chain, manager, 'getOperatorWeight', [operator]), 0n);
  assert.equal(await read(chain, manager, 'getLatestOperatorForSigningKey', [SIGNERS[0].address]), zeroAddress);

  await send(chain, OWNER, manager, 'registerOperator', [operator, 10n]);
  assert.equal(await read(chain, manager, 'getLatestOperatorSigningKey', [operator]), zeroAddress);
  await setSigningKey(chain, manager, OPERATORS[0], SIGNERS[0]);
  assert.equal(await read(chain, manager, 'getLatestOperatorForSigningKey', [SIGNERS[0].address]), operator);
});

test('the quorum must be a share above zero and at most one', async () => {
  const manager = await newManager();
  for (const [numerator, denominator] of [[0n, 3n], [0n, 0n], [1n, 0n], [4n, 3n], [1n, 2n ** 112n]]) {
    const call = attempt(chain, OWNER, manager, 'updateQuorum', [numerator, denominator]);
    await assertReverts(call, 'InvalidQuorum');
  }
  const receipt = await send(chain, OWNER, manager, 'updateQuorum', [3n, 4n]);
  assert.deepEqual(eventsOf(manager, receipt), [['QuorumThresholdUpdated', { numerator: 3n, denominator: 4n }]]);
  assert.deepEqual(await read(chain, manager, 'getLastCheckpointQuorum'), [3n, 4n]);
});

test('the stake threshold is bounded like a weight', async () => {
  const manager = await newManager();
  const call = attempt(chain, OWNER, manager, 'updateStakeThreshold', [TOO_HEAVY]);
  await assertReverts(call, 'InvalidThresholdWeight');
  const receipt = await send(chain, OWNER, manager, 'updateStakeThreshold', [7n]);
  assert.deepEqual(eventsOf(manager, receipt), [['ThresholdWeightUpdated', { thresholdWeight: 7n }]]);
  assert.equal(await read(chain, manager, 'getLastCheckpointThresholdWeight'), 7n);
});

test('an operator sets its signing key with a proof by that key', async () => {
  const manager = await newManager();
  const operator = OPERATORS[0].address;
  const [first, second] = SIGNERS.map((signer) => signer.address);
  await send(chain, OWNER, manager, 'registerOperator', [operator, 1n]);
  await setSigningKey(chain, manager, OPERATORS[0], SIGNERS[0]);
  const receipt = await setSigningKey(chain, manager, OPERATORS[0], SIGNERS[1]);
  assert.deepEqual(eventsOf(manager, receipt), [
    ['SigningKeyUpdated', { operator, newSigningKey: second, oldSigningKey: first }],
  ]);
  assert.equal(await read(chain, manager, 'getLatestOperatorSigningKey', [operator]), second);
  assert.equal(await read(chain, manager, 'getLatestOperatorForSigningKey', [second]), operator);
  assert.equal(await read(chain, manager, 'getLatestOperatorForSigningKey', [first]), zeroAddress);
});

test('a wrong proof of possession is refused', async () => {
  const manager = await newManager();
  const operator = OPERATORS[0];
  const newKey = SIGNERS[0];
  await send(chain, OWNER, manager, 'registerOperator', [operator.address, 1n]);
  const proofs = {
    'made by the operator instead of the key': await provePossession(operator.address, operator),
    'made for another operator': await provePossession(OPERATORS[1].address, newKey),
    'with the EIP-191 prefix': await newKey.account.signMessage({ message: { raw: possessionHash(operator.address) } }),
    'over the key instead of the operator': await sign({
      hash: possessionHash(newKey.address),
      privateKey: newKey.privateKey,
      to: 'hex',
    }),
    empty: '0x',
  };
  for (const proof of Object.values(proofs)) {
    const call = attempt(chain, operator, manager, 'updateOperatorSigningKey', [newKey.address, proof]);
    await assertReverts(call, 'InvalidSignature');
  }
});

test('a signing key of another operator is refused', async () => {
  const { manager } = await newService(chain, { weights: [1n, 1n] });
  const proof = await provePossession(OPERATORS[1].address, SIGNERS[0]);
  const call = attempt(chain, OPERATORS[1], manager, 'updateOperatorSigningKey', [SIGNERS[0].address, proof]);
  await assertReverts(call, 'SigningKeyAlreadyAssigned');
});

test('a released signing key can be taken by another operator', async () => {
  const { manager } = await newService(chain, { weights: [1n, 1n] });
  await setSigningKey(chain, manager, OPERATORS[0], SIGNERS[2]);
  await setSigningKey(chain, manager, OPERATORS[1], SIGNERS[0]);
  const holder = await read(chain, manager, 'getLatestOperatorForSigningKey', [SIGNERS[0].address]);
  assert.equal(holder, OPERATORS[1].address);
});

test('setting the same signing key again changes nothing', async () => {
  const { manager } = await newService(chain, { weights: [1n] });
  const receipt = await setSigningKey(chain, manager, OPERATORS[0], SIGNERS[0]);
  assert.deepEqual(receipt.logs, []);
  const holder = await read(chain, manager, 'getLatestOperatorForSigningKey', [SIGNERS[0].address]);
  assert.equal(holder, OPERATORS[0].address);
});

test('only a registered operator may set a signing key, and not to nobody', async () => {
  const { manager } = await newService(chain, { weights: [1n] });
  const proof = await provePossession(STRANGER.address, SIGNERS[1]);
  const stranger = attempt(chain, STRANGER, manager, 'updateOperatorSigningKey', [SIGNERS[1].address, proof]);
  await assertReverts(stranger, 'OperatorNotRegistered');
  const nobody = attempt(chain, OPERATORS[0], manager, 'updateOperatorSigningKey', [zeroAddress, proof]);
  await assertReverts(nobody, 'InvalidAddressZero');
});

test('reads at a block follow every change', async () => {
  const { manager, referenceBlock: first } = await newService(chain, { weights: [100n] });
  const operator = OPERATORS[0].address;
  await send(chain, OWNER, manager, 'updateOperatorWeight', [operator, 70n]);
  await send(chain, OWNER, manager, 'updateStakeThreshold', [50n]);
  await send(chain, OWNER, manager, 'updateQuorum', [1n, 2n]);
  await setSigningKey(chain, manager, OPERATORS[0], SIGNERS[1]);
  const second = await closeBlock(chain);

  const seen = async (block) => ({
    weight: await read(chain, manager, 'getOperatorWeightAtBlock', [operator, block]),
    total: await read(chain, manager, 'getLastCheckpointTotalWeightAtBlock', [block]),
    threshold: await read(chain, manager, 'getLastCheckpointThresholdWeightAtBlock', [block]),
    quorum: await read(chain, manager, 'getLastCheckpointQuorumAtBlock', [block]),
    key: await read(chain, manager, 'getOperatorSigningKeyAtBlock', [operator, block]),
    holder: await read(chain, manager, 'getOperatorForSigningKeyAtBlock', [SIGNERS[0].address, block]),
  });
  const nothing = { weight: 0n, total: 0n, threshold: 0n, quorum: [0n, 0n], key: zeroAddress, holder: zeroAddress };
  const before = { weight: 100n, total: 100n, threshold: 1n, quorum: [2n, 3n], key: SIGNERS[0].address, holder: operator };
  const after = { weight: 70n, total: 70n, threshold: 50n, quorum: [1n, 2n], key: SIGNERS[1].address, holder: zeroAddress };
  assert.deepEqual(await seen(0), nothing);
  assert.deepEqual(await seen(first), before);
  assert.deepEqual(await seen(second), after);
  assert.deepEqual(await seen(0xffffffff), after);
});

test('of several changes in one block the last one counts', async () => {
  const { manager } = await newService(chain, { weights: [100n] });
  const operator = OPERATORS[0].address;
  const wallet = chain.wallet(OWNER.account);
  const nonce = await chain.publicClient.getTransactionCount({ address: OWNER.address });
  await chain.testClient.setAutomine(false);
  try {
    for (const [index, weight] of [30n, 20n, 40n].entries()) {
      const args = [operator, weight];
      await wallet.writeContract({ ...manager, functionName: 'updateOperatorWeight', args, nonce: nonce + index, gas: 300_000n });
    }
    await chain.testClient.mine({ blocks: 1 });
  } finally {
    await chain.testClient.setAutomine(true);
  }
  const block = await chain.publicClient.getBlock();
  assert.equal(block.transactions.length, 3);
  const weightAt = (number) => read(chain, manager, 'getOperatorWeightAtBlock', [operator, Number(number)]);
  assert.equal(await weightAt(block.number - 1n), 100n);
  assert.equal(await weightAt(block.number), 40n);
  assert.equal(await read(chain, manager, 'getLastCheckpointTotalWeight'), 40n);
});
