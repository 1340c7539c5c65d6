import Foundation
import JSON

// Points on the earth as Qdrant's geo conditions see them: degrees, a sphere of the mean radius, haversine distances.

/// A place in degrees.
public struct GeoPoint: Sendable, Equatable, Hashable {
    public let lon: Double
    public let lat: Double

    public init(lon: Double, lat: Double) {
        self.lon = lon
        self.lat = lat
    }

    /// nil unless `value` is an object with the numbers `lon` and `lat`.
    package init?(_ value: JSONValue) {
        guard let lon = value["lon"]?.doubleValue, let lat = value["lat"]?.doubleValue else { return nil }
        self.init(lon: lon, lat: lat)
    }

    /// Mean radius of the earth in metres (IUGG).
    private static let earthRadiusMeters = 6_371_008.8

    /// Great-circle distance in metres (haversine).
    public func distanceMeters(to other: GeoPoint) -> Double {
        let radians = Double.pi / 180
        let (lat1, lat2) = (lat * radians, other.lat * radians)
        let a =
            pow(sin((lat2 - lat1) / 2), 2) + cos(lat1) * cos(lat2) * pow(sin((other.lon - lon) * radians / 2), 2)
        return 2 * Self.earthRadiusMeters * asin(min(1, a.squareRoot()))
    }
}

/// A region of the earth.
public enum GeoRegion: Sendable, Equatable {
    /// May cross the antimeridian: then the left side has the larger longitude.
    case box(topLeft: GeoPoint, bottomRight: GeoPoint)
    case circle(center: GeoPoint, radiusMeters: Double)
    case polygon(exterior: [GeoPoint], interiors: [[GeoPoint]])

    public func contains(_ point: GeoPoint) -> Bool {
        switch self {
        case .box(let topLeft, let bottomRight):
            let isBetween =
                topLeft.lon > bottomRight.lon
                ? point.lon > topLeft.lon || point.lon < bottomRight.lon
                : point.lon > topLeft.lon && point.lon < bottomRight.lon
            return isBetween && point.lat < topLeft.lat && point.lat > bottomRight.lat
        case .circle(let center, let radius):
            return center.distanceMeters(to: point) < radius
        case .polygon(let exterior, let interiors):
            return Self.ring(exterior, contains: point) && !interiors.contains { Self.ring($0, contains: point) }
        }
    }

    /// Counts how often a ray to the east crosses the ring.
    private static func ring(_ ring: [GeoPoint], contains point: GeoPoint) -> Bool {
        guard var previous = ring.last else { return false }
        var isInside = false
        for corner in ring {
            if (corner.lat > point.lat) != (previous.lat > point.lat) {
                let slope = (previous.lon - corner.lon) / (previous.lat - corner.lat)
                if point.lon < slope * (point.lat - corner.lat) + corner.lon { isInside.toggle() }
            }
            previous = corner
        }
        return isInside
    }
}
