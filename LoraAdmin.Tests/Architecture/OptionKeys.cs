using System.Reflection;
using System.Text.Json;

namespace LoraAdmin.Tests.Architecture;

/// <summary>appsettings.json and the options' classes tell of the same keys.</summary>
internal static class OptionKeys
{
    /// <summary>Sections that the host itself reads, with their keys as deep as they go.</summary>
    private static readonly string[] OfTheHost = ["Logging", "AllowedHosts", "ConnectionStrings"];

    /// <summary>Every options class of an assembly by its section.</summary>
    public static IReadOnlyDictionary<string, Type> Sections(Assembly assembly) => assembly.GetTypes()
        .Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal))
        .Select(type => (Type: type, Section: type.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetRawConstantValue() as string))
        .Where(found => found.Section is not null)
        .ToDictionary(found => found.Section!, found => found.Type);

    /// <summary>Keys that no options class has.</summary>
    public static IEnumerable<string> Unknown(string settings, IReadOnlyDictionary<string, Type> sections) =>
        from key in Keys(settings)
        where !sections.TryGetValue(key.Section, out Type? type) || type.GetProperty(key.Name)?.PropertyType is null
        select $"{key.Section}:{key.Name} is no property of an options class";

    /// <summary>Of the keys that carry figures: those that the settings don't show.</summary>
    public static IEnumerable<string> Missing(string settings, IReadOnlyDictionary<string, Type> sections, IEnumerable<string> figures) =>
        from figure in figures
        let parts = figure.Split(':')
        where sections.TryGetValue(parts[0], out Type? type) && type.GetProperty(parts[1]) is not null && !Keys(settings).Contains((parts[0], parts[1]))
        select $"{figure} is an option that the settings don't show";

    private static IReadOnlyList<(string Section, string Name)> Keys(string settings)
    {
        using JsonDocument json = JsonDocument.Parse(settings);
        return
        [
            .. json.RootElement.EnumerateObject()
                .Where(section => !OfTheHost.Contains(section.Name))
                .SelectMany(section => section.Value.EnumerateObject().Select(key => (section.Name, key.Name))),
        ];
    }
}
