import JSON
import VectorEngine

/// Parts of a payload's text.
enum PayloadProjection {
    /// Only what `paths` lead to.
    static func including(_ paths: [PayloadPath], of payload: [UInt8]) -> [UInt8] {
        let whole = JSONValue.object(Payload(validated: payload).object)
        return JSONWriter.bytes(whole.including(paths.map { $0.steps[...] }) ?? .object([:]))
    }

    /// All but what `paths` lead to.
    static func excluding(_ paths: [PayloadPath], of payload: [UInt8]) -> [UInt8] {
        let whole = JSONValue.object(Payload(validated: payload).object)
        return JSONWriter.bytes(whole.excluding(paths.map { $0.steps[...] }))
    }
}

extension JSONValue {
    /// Only what the paths lead to; of arrays only elements reached by `[]`. nil when nothing is left of a scalar.
    fileprivate func including(_ paths: [ArraySlice<PayloadPath.Step>]) -> JSONValue? {
        if paths.contains(where: \.isEmpty) { return self }
        switch self {
        case .object(let members):
            var kept: JSONObject = [:]
            for (key, value) in members {
                let inner = paths.filter { $0.first == .key(key) }.map { $0.dropFirst() }
                if !inner.isEmpty, let part = value.including(inner) { kept[key] = part }
            }
            return .object(kept)
        case .array(let elements):
            let inner = paths.filter { $0.first == .elements }.map { $0.dropFirst() }
            return .array(inner.isEmpty ? [] : elements.compactMap { $0.including(inner) })
        default: return self
        }
    }

    fileprivate func excluding(_ paths: [ArraySlice<PayloadPath.Step>]) -> JSONValue {
        switch self {
        case .object(let members):
            var kept: JSONObject = [:]
            for (key, value) in members {
                let inner = paths.filter { $0.first == .key(key) }.map { $0.dropFirst() }
                if inner.contains(where: \.isEmpty) { continue }
                kept[key] = inner.isEmpty ? value : value.excluding(inner)
            }
            return .object(kept)
        case .array(let elements):
            let inner = paths.filter { $0.first == .elements }.map { $0.dropFirst() }
            if inner.contains(where: \.isEmpty) { return .array([]) }
            return inner.isEmpty ? self : .array(elements.map { $0.excluding(inner) })
        default: return self
        }
    }
}
