import JSON

/// One value of a payload. Payloads are JSON, whatever a request is written in.
typealias PayloadValue = JSONValue

/// The members of a payload.
typealias PayloadObject = JSONObject
