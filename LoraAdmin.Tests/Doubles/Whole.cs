using System.Collections;
using System.Reflection;
using System.Text.Json;
using Xunit;

namespace LoraAdmin.Tests.Doubles;

/// <summary>
/// Compares records whole, with the lists and records inside them. A sample that leaves nothing at its default finds a store that forgets a field, also one
/// that the record is given later.
/// </summary>
internal static class Whole
{
    private static readonly JsonSerializerOptions Lines = new() { WriteIndented = true };

    public static void Same<T>(T expected, T actual) => Assert.Equal(JsonSerializer.Serialize(expected, Lines), JsonSerializer.Serialize(actual, Lines));

    /// <returns>The sample itself, in which each field that can be given has a value other than its default.</returns>
    public static T Filled<T>(T sample)
        where T : notnull
    {
        Check(sample, typeof(T).Name);
        return sample;
    }

    private static void Check(object? value, string path)
    {
        Assert.False(value is null or "", $"{path} is not given");
        if (value is IEnumerable list and not string)
        {
            object?[] items = [.. list.Cast<object?>()];
            Assert.True(items.Length > 0, $"{path} is empty");
            Check(items[0], $"{path}[0]");
            return;
        }

        Type type = value!.GetType();
        Assert.False(type.IsValueType && value.Equals(Activator.CreateInstance(type)), $"{path} is at its default");
        if (type.Namespace?.StartsWith("LoraAdmin", StringComparison.Ordinal) == true && !type.IsEnum)
        {
            foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(static one => one.CanWrite))
            {
                Check(property.GetValue(value), $"{path}.{property.Name}");
            }
        }
    }
}
