// SPDX-License-Identifier: Apache-2.0
// Keys and envelope signatures of the public development phrase.
import { bytesToHex, encodeAbiParameters, hashMessage, keccak256 } from 'viem';
import { mnemonicToAccount, sign } from 'viem/accounts';

export const PHRASE = 'test test test test test test test test test test test junk';

/** The key at m/44'/60'/0'/0/{index}. */
export function keyAt(index) {
  const account = mnemonicToAccount(PHRASE, { addressIndex: index });
  return { account, address: account.address, privateKey: bytesToHex(account.getHdKey().privateKey) };
}

export const OWNER = keyAt(0);
export const STRANGER = keyAt(9);
/** Signing keys in ascending order of address. */
export const SIGNERS = [keyAt(2), keyAt(1), keyAt(3)];
/** OPERATORS[i] holds SIGNERS[i]. */
export const OPERATORS = [keyAt(4), keyAt(5), keyAt(6)];

const ENVELOPE_TUPLE = {
  type: 'tuple',
  components: [
    { name: 'eventId', type: 'bytes20' },
    { name: 'ordering', type: 'bytes12' },
    { name: 'payload', type: 'bytes' },
  ],
};

/** The sample envelope V1 of the protocol description. */
export const ENVELOPE_V1 = {
  eventId: '0xa6fc5f71e2995f593bca8ff15ecefcfcf2e8793d',
  ordering: '0x000000000000000000000000',
  payload: '0xdeadbeef',
};

export function envelopeHash(envelope) {
  return keccak256(encodeAbiParameters([ENVELOPE_TUPLE], [envelope]));
}

export function envelopeDigest(envelope) {
  return hashMessage({ raw: envelopeHash(envelope) });
}

export function signEnvelope(envelope, key) {
  return sign({ hash: envelopeDigest(envelope), privateKey: key.privateKey, to: 'hex' });
}

/** SignatureData of `keys` in the given order. */
export async function signedBy(envelope, keys, referenceBlock) {
  const signatures = await Promise.all(keys.map((key) => signEnvelope(envelope, key)));
  return { signers: keys.map((key) => key.address), signatures, referenceBlock };
}

export function possessionHash(operatorAddress) {
  return keccak256(encodeAbiParameters([{ type: 'address' }], [operatorAddress]));
}

export function provePossession(operatorAddress, signingKey) {
  return sign({ hash: possessionHash(operatorAddress), privateKey: signingKey.privateKey, to: 'hex' });
}
