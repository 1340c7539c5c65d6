// Who imports the engine gets the domain types it is written in: points, filters, schemas and the `PointStore`
// protocol.
@_exported import Points
