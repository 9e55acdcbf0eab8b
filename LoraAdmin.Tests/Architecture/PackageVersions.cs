using System.Text.Json;
using System.Xml.Linq;

namespace LoraAdmin.Tests.Architecture;

/// <summary>Central package versions: each is asked for by a project, or is a pin that a lock file shows at that version.</summary>
internal static class PackageVersions
{
    public static IEnumerable<string> Unused(SourceFile central, IReadOnlyCollection<SourceFile> projects, IReadOnlyCollection<SourceFile> locks)
    {
        HashSet<string> asked = [.. projects.SelectMany(project => Named(project, "PackageReference")).Select(package => package.Name)];
        HashSet<(string, string)> pinned = [.. locks.SelectMany(Pinned)];
        return Named(central, "PackageVersion")
            .Where(package => !asked.Contains(package.Name) && !pinned.Contains(package))
            .Select(package => $"{central.Path} has {package.Name} {package.Version}, which no project asks for and no lock file shows as a pin");
    }

    private static IEnumerable<(string Name, string Version)> Named(SourceFile file, string element) => XDocument.Parse(file.Text).Descendants(element)
        .Select(found => ((string?)found.Attribute("Include") ?? "", (string?)found.Attribute("Version") ?? ""));

    private static IEnumerable<(string Name, string Version)> Pinned(SourceFile file)
    {
        using JsonDocument json = JsonDocument.Parse(file.Text);
        return
        [
            .. json.RootElement.GetProperty("dependencies").EnumerateObject()
                .SelectMany(framework => framework.Value.EnumerateObject())
                .Where(package => package.Value.GetProperty("type").GetString() == "CentralTransitive")
                .Select(package => (package.Name, package.Value.GetProperty("resolved").GetString()!)),
        ];
    }
}
