//! v2: XML, signed with MD5 or HMAC-SHA256.
