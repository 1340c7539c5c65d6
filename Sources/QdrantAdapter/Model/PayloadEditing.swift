import JSON
import VectorEngine

/// Members that a request puts into payloads.
struct PayloadChange: Sendable {
    let members: JSONObject
    /// Where they are put; nil for the payload itself.
    let path: PayloadPath?
    /// Whether they take the place of the whole payload.
    let overwrites: Bool

    func applied(to payload: Payload) -> Payload {
        var object = overwrites ? [:] : payload.object
        if let path {
            PayloadEditing.merge(members, into: &object, at: path)
        } else if overwrites || object.isEmpty {
            // A null takes a member away; where there is none it is kept, as Qdrant does.
            object = members
        } else {
            PayloadEditing.merge(members, into: &object)
        }
        return Payload(object)
    }
}

/// Changes of a payload by paths.
enum PayloadEditing {
    /// Puts `members` over those of the object: null removes, all else replaces.
    static func merge(_ members: JSONObject, into object: inout JSONObject) {
        for (key, value) in members {
            // Not by assigning nil, which the compiler may take for JSON's null.
            if value.isNull { object.removeValue(forKey: key) } else { object[key] = value }
        }
    }

    /// Merges `members` into the object at `path`; missing objects are made, other values on the way are replaced.
    static func merge(_ members: JSONObject, into object: inout JSONObject, at path: PayloadPath) {
        var value = JSONValue.object(object)
        set(members, in: &value, path.steps[...])
        object = value.objectValue ?? object
    }

    private static func set(_ members: JSONObject, in value: inout JSONValue, _ steps: ArraySlice<PayloadPath.Step>) {
        guard let step = steps.first else {
            var object = value.objectValue ?? [:]
            merge(members, into: &object)
            value = .object(object)
            return
        }
        let rest = steps.dropFirst()
        switch step {
        case .key(let key):
            var object = value.objectValue ?? [:]
            var inner = object[key] ?? .null
            set(members, in: &inner, rest)
            object[key] = inner
            value = .object(object)
        case .elements:
            value = .array(
                (value.arrayValue ?? []).map { element in
                    var element = element
                    set(members, in: &element, rest)
                    return element
                })
        case .index(let index):
            guard var elements = value.arrayValue else {
                value = .array([])
                return
            }
            guard index < elements.count else { return }
            set(members, in: &elements[index], rest)
            value = .array(elements)
        }
    }

    /// The payload without whatever lies at `paths`.
    static func removing(_ paths: [PayloadPath], from payload: Payload) -> Payload {
        var object = payload.object
        for path in paths { remove(path, from: &object) }
        return Payload(object)
    }

    /// Removes whatever lies at `path`: a member, all elements of an array; as Qdrant does, no single element.
    static func remove(_ path: PayloadPath, from object: inout JSONObject) {
        var value = JSONValue.object(object)
        remove(path.steps[...], from: &value)
        object = value.objectValue ?? object
    }

    private static func remove(_ steps: ArraySlice<PayloadPath.Step>, from value: inout JSONValue) {
        guard let step = steps.first else { return }
        let rest = steps.dropFirst()
        switch (step, value) {
        case (.key(let key), .object(var members)):
            if rest.isEmpty {
                members[key] = nil
            } else if var inner = members[key] {
                remove(rest, from: &inner)
                members[key] = inner
            }
            value = .object(members)
        case (.elements, .array(let elements)):
            let left = elements.map { element in
                var element = element
                remove(rest, from: &element)
                return element
            }
            value = .array(rest.isEmpty ? [] : left)
        case (.index(let index), .array(var elements)):
            // An element itself is not removed, only its members.
            guard !rest.isEmpty, index < elements.count else { return }
            remove(rest, from: &elements[index])
            value = .array(elements)
        default: return
        }
    }
}
