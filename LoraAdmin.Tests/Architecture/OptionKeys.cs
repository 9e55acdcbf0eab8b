using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;

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

    /// <summary>Keys that can be set and that the settings don't show.</summary>
    public static IEnumerable<string> Missing(string settings, IReadOnlyDictionary<string, Type> sections) =>
        from section in sections
        from key in Settable(section.Value)
        where !Keys(settings).Contains((section.Key, key.Name))
        select $"{section.Key}:{key.Name} is an option that the settings don't show";

    /// <summary>Keys whose value in the settings is another than the one that holds when the settings are away.</summary>
    public static IEnumerable<string> Different(string settings, IReadOnlyDictionary<string, Type> sections)
    {
        IConfiguration configuration = new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(settings))).Build();
        foreach ((string section, Type type) in sections)
        {
            object shown = configuration.GetSection(section).Get(type) ?? Activator.CreateInstance(type)!;
            object silent = Activator.CreateInstance(type)!;
            foreach (PropertyInfo key in Settable(type).Where(key => IsOneValue(key.PropertyType)))
            {
                if (Word(key.GetValue(shown)) != Word(key.GetValue(silent)))
                {
                    yield return $"{section}:{key.Name} is {Word(key.GetValue(shown))} in the settings and {Word(key.GetValue(silent))} without them";
                }
            }
        }
    }

    private static IEnumerable<PropertyInfo> Settable(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.SetMethod is { IsPublic: true });

    /// <summary>A list is empty without the settings, and the class says elsewhere what an empty one means: the binder adds to what is there.</summary>
    private static bool IsOneValue(Type type) => type == typeof(string) || !typeof(IEnumerable).IsAssignableFrom(type);

    private static string Word(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

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
