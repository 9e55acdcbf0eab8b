namespace LoraAdmin.Platform.Data;

/// <summary>
/// What a unit has to write at its end, because it takes rows for which everybody waits: until then whatever else the unit does adds to it
/// (docs/decisions/0110).
/// </summary>
internal interface ILastStatements
{
    /// <summary>All that waits, in the order in which every unit takes those rows. It waits no longer afterwards.</summary>
    IReadOnlyList<Statement> Take(LoraDb db);
}
