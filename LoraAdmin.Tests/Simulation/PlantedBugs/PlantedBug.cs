namespace LoraAdmin.Tests.Simulation.PlantedBugs;

/// <summary>One place of a planted bug: a piece of one line, and what stands there instead.</summary>
/// <param name="Right">Stands exactly once in the file.</param>
/// <param name="Wrong">On one line as well; empty where something is forgotten.</param>
public sealed record Edit(string Right, string Wrong);

/// <summary>
/// A fault that somebody could make in a line of the portal, kept as a patch of its source: no switch for it exists in what ships. It proves that the
/// invariant which it violates is really checked.
/// </summary>
/// <param name="Name">What was done wrong, as a reviewer would say it.</param>
/// <param name="File">Below <c>LoraAdmin.Domain</c>; empty: the fault is one of <see cref="FaultyStores"/> of this name.</param>
/// <param name="Violates">The text of the invariant as <see cref="InvariantTexts"/> reads it from the source that checks it.</param>
/// <param name="Ground">Where it is hunted (<see cref="Grounds"/>).</param>
public sealed record PlantedBug(string Name, string File, string Violates, string Ground, params IReadOnlyList<Edit> Edits)
{
    public PlantedBug(string name, string file, string violates, string ground, string right, string wrong)
        : this(name, file, violates, ground, new Edit(right, wrong))
    {
    }

    public override string ToString() => Name;
}

/// <summary>A planted bug does not fit the source any more, or does not compile: the table is wrong, not the portal.</summary>
public sealed class PlantedBugException(string message) : Exception(message);
