// SPDX-License-Identifier: Apache-2.0
//! Empty: this package only names its dependency.
